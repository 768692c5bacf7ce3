//! The policy as it is written: version, numbered clauses, and the table of what lives on for a while.

use askama::Template;
use pulldown_cmark::{Options, Parser, html};
use serde::Serialize;
use shared::domain::Language;
use utoipa::ToSchema;

/// What stands between these is for whoever runs Vitrine, and is not shown.
const OPERATORS: (&str, &str) = ("<!-- operators: begin -->", "<!-- operators: end -->");

/// The policy for programs.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = PrivacyPolicy)]
pub(crate) struct PolicyView {
    /// The version, as an account accepts it.
    #[schema(example = "2026-11-01")]
    version: String,
    /// The language of the texts.
    #[schema(example = "en")]
    language: &'static str,
    /// Where to write about privacy.
    contact: String,
    clauses: Vec<Clause>,
    /// What outlives an erasure, and until when.
    lives_on: Vec<Leftover>,
}

/// One numbered clause.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = PrivacyClause)]
struct Clause {
    /// Its number, which never means another clause.
    #[schema(example = "P2")]
    number: String,
    title: String,
    text: String,
}

/// Something that outlives an erasure because of how the technique works.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = PrivacyLeftover)]
struct Leftover {
    what: String,
    holds: String,
    ends: String,
}

/// The policy in one language.
pub(crate) struct Policy {
    text: String,
    view: PolicyView,
}

#[derive(Template)]
#[template(path = "privacy.html")]
struct Page<'a> {
    lang: &'static str,
    title: &'a str,
    contact: &'a str,
    contact_label: &'static str,
    body: String,
}

impl Policy {
    /// From the text of `PRIVACY.md` or its translation.
    pub(crate) fn read(text: &str, language: Language, contact: &str) -> Self {
        let text = without_operators(text);
        let rows = text.lines().filter_map(row);
        let view = PolicyView {
            version: version(&text),
            language: language.tag(),
            contact: contact.to_owned(),
            clauses: text.split("\n\n").filter_map(clause).collect(),
            // The first row is the table's head.
            lives_on: rows.skip(1).collect(),
        };
        Self { text, view }
    }

    pub(crate) fn version(&self) -> &str {
        &self.view.version
    }

    /// The document for programs.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(&self.view).unwrap_or_default()
    }

    /// The page for people.
    pub(crate) fn page(&self) -> Result<String, askama::Error> {
        let mut body = String::new();
        html::push_html(&mut body, Parser::new_ext(&self.text, Options::ENABLE_TABLES));
        let (title, contact_label) = match self.view.language {
            "zh-CN" => ("隐私政策", "隐私联系方式"),
            _ => ("Privacy", "Contact for privacy"),
        };
        let page = Page {
            lang: self.view.language,
            title,
            contact: &self.view.contact,
            contact_label,
            body,
        };
        page.render()
    }
}

fn without_operators(text: &str) -> String {
    match (text.split_once(OPERATORS.0), text.split_once(OPERATORS.1)) {
        (Some((before, _)), Some((_, after))) => format!("{}\n\n{}", before.trim_end(), after.trim_start()),
        _ => text.to_owned(),
    }
}

/// The first date in the text: the version stands before everything else.
fn version(text: &str) -> String {
    let is_date = |word: &&str| word.len() == 10 && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let words = text.split(|c: char| !(c.is_ascii_digit() || c == '-'));
    words.into_iter().find(is_date).unwrap_or_default().to_owned()
}

/// A paragraph that begins with a bold number: `**P2 · Title.** Text`, or `**P8 · A company** does something.`
fn clause(paragraph: &str) -> Option<Clause> {
    let (number, rest) = paragraph.trim_start().strip_prefix("**")?.split_once(" · ")?;
    let digits = number.strip_prefix('P')?;
    digits.parse::<u8>().ok()?;
    let (title, text) = rest.split_once("**")?;
    let is_sentence = title.ends_with(['.', '。']);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(Clause {
        number: number.to_owned(),
        title: title.trim_end_matches(['.', '。']).to_owned(),
        text: if is_sentence { text } else { format!("{title} {text}") },
    })
}

fn row(line: &str) -> Option<Leftover> {
    let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
    let [what, holds, ends] = cells.as_slice() else {
        return None;
    };
    let plain = |cell: &str| cell.replace('`', "");
    Some(Leftover {
        what: plain(what),
        holds: plain(holds),
        ends: plain(ends),
    })
}
