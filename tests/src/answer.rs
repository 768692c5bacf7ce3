//! An answer of the API, ready to be looked at.

use http::HeaderMap;
use serde_json::Value;

/// Status, headers and body.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
    /// The body as JSON; null when it is none.
    pub json: Value,
}

impl Answer {
    /// Reads a response to its end.
    pub async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self {
            status,
            headers,
            text,
            json,
        }
    }

    /// The answer, if its status is `status`.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// A header's text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The problem's kind, such as `not-found`, after checking that it is a well-formed problem.
    #[track_caller]
    pub fn problem(&self) -> &str {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        assert_eq!(self.json["status"], self.status, "{}", self.text);
        assert!(
            self.json["title"].is_string() && self.json["detail"].is_string(),
            "{}",
            self.text
        );
        assert_eq!(self.json["instance"], self.header("x-request-id"), "{}", self.text);
        self.json["type"].as_str().unwrap().strip_prefix("/problems/").unwrap()
    }

    /// The pointer of the first field that the problem names.
    #[track_caller]
    pub fn field(&self) -> &str {
        self.json["errors"][0]["pointer"]
            .as_str()
            .unwrap_or_else(|| panic!("names no field: {}", self.text))
    }
}
