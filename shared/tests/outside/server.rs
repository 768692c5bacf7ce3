//! A server of raw sockets on loopback that plays a script, one line a request.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use url::Url;

/// What the server does with one request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Answers with exactly these bytes.
    Bytes(Vec<u8>),
    /// Closes the connection as soon as it stands, before reading a byte.
    CloseUnread,
    /// Reads the whole request and closes without a word.
    CloseAfterReading,
    /// Reads the whole request and resets the connection in the middle of an answer.
    CutShort,
    /// Reads the request and never answers.
    Hang,
    /// Answers 200 with a body that does not end.
    Endless,
    /// Answers 200 with a body that comes a byte at a time and does not end.
    Trickle,
}

impl Reply {
    pub(crate) fn new(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut bytes = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        bytes.push_str("\r\n");
        Self::Bytes([bytes.as_bytes(), body].concat())
    }

    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::new(status, &[("content-type", "application/json")], body.as_bytes())
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// The server. It dies with the test's process.
pub(crate) struct Server {
    address: SocketAddr,
    book: Arc<Mutex<Vec<Request>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Plays `script`, then closes every further connection after reading.
    pub(crate) fn playing(script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new(script.into_iter().collect::<VecDeque<_>>()));
        let book = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (shared, count) = (Arc::clone(&book), Arc::clone(&connections));
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let (script, book) = (Arc::clone(&script), Arc::clone(&shared));
                std::thread::spawn(move || drop(serve(connection, &script, &book)));
            }
        });
        Self {
            address,
            book,
            connections,
        }
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        format!("http://{}{path}", self.address).parse().unwrap()
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections were opened.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The requests that were read, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.book.lock().unwrap().clone()
    }
}

/// A port nobody listens at.
pub(crate) fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn serve(
    mut connection: TcpStream,
    script: &Mutex<VecDeque<Reply>>,
    book: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let is_next = |reply: fn(&Reply) -> bool| script.lock().unwrap().front().is_some_and(reply);
    if is_next(|reply| matches!(reply, Reply::CloseUnread)) {
        script.lock().unwrap().pop_front();
        return Ok(());
    }
    while let Some(request) = read(&mut connection)? {
        book.lock().unwrap().push(request);
        let reply = script.lock().unwrap().pop_front().unwrap_or(Reply::CloseAfterReading);
        match reply {
            Reply::Bytes(bytes) => connection.write_all(&bytes)?,
            Reply::CloseUnread | Reply::CloseAfterReading => return Ok(()),
            Reply::CutShort => {
                return connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"half\":");
            }
            Reply::Hang => drop(connection.read(&mut [0; 1])?),
            Reply::Endless => {
                connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                loop {
                    connection.write_all(&[b' '; 16_384])?;
                }
            }
            Reply::Trickle => {
                connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")?;
                connection.set_read_timeout(Some(Duration::from_millis(10)))?;
                // The client hangs up when it has had enough; until then a byte every ten milliseconds.
                while !matches!(connection.read(&mut [0; 1]), Ok(0)) {
                    connection.write_all(b" ")?;
                }
            }
        }
    }
    Ok(())
}

fn read(connection: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        let mut chunk = [0; 4096];
        match connection.read(&mut chunk)? {
            0 if bytes.is_empty() => return Ok(None),
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&chunk[..read]),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = bytes.split_off(end);
    let read = body.len();
    body.resize(length, 0);
    connection.read_exact(&mut body[read..])?;
    Ok(Some(Request { line, headers, body }))
}
