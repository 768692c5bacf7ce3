//! A deletion as a page: how far it is, and afterwards its receipt, to be printed.

use askama::Template;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::document::page;
use crate::auth::statement;
use crate::domain::Language;
use crate::domain::deletion::{Deletion, Stage, Statement};

/// A page that shows a deletion, in English or 简体中文. What was signed is English, and shown as it was signed.
#[derive(Debug, Clone)]
pub struct Farewell(Page);

#[derive(Debug, Clone, Template)]
#[template(path = "erasure.html")]
struct Page {
    words: &'static Words,
    title: &'static str,
    facts: Vec<(&'static str, String)>,
    statement: Option<Statement>,
    stays: Vec<(String, String)>,
    signed: String,
    note: &'static str,
}

/// The words of the page.
#[derive(Debug)]
struct Words {
    lang: &'static str,
    waiting: &'static str,
    erasing: &'static str,
    erased: &'static str,
    asked: &'static str,
    due: &'static str,
    done: &'static str,
    gone: &'static str,
    stays: &'static str,
    for_good: &'static str,
    signed: &'static str,
    can_be_undone: &'static str,
    is_under_way: &'static str,
    how_to_check: &'static str,
}

const ENGLISH: Words = Words {
    lang: "en",
    waiting: "The account is closed",
    erasing: "The account is being erased",
    erased: "The account is erased",
    asked: "Asked for",
    due: "Erased from",
    done: "Erased",
    gone: "What went",
    stays: "What stays, why, and until when",
    for_good: "for good, nameless",
    signed: "The signed receipt",
    can_be_undone: "Until then you can have it back with your address and password.",
    is_under_way: "The receipt will be here when the last of it is gone.",
    how_to_check: "Save the text above as a file: `vitrine ops receipt verify FILE` checks it without a network, with the keys of \
                   /.well-known/jwks.json. This page is here for a year.",
};

const CHINESE: Words = Words {
    lang: "zh-CN",
    waiting: "账户已关闭",
    erasing: "账户正在删除",
    erased: "账户已删除",
    asked: "申请时间",
    due: "开始删除",
    done: "删除完成",
    gone: "已删除的内容",
    stays: "保留的内容、原因与期限",
    for_good: "长期保留，不含身份",
    signed: "已签名的回执",
    can_be_undone: "在此之前，您可以凭邮箱和密码恢复账户。",
    is_under_way: "全部删除完成后，回执将显示在此处。",
    how_to_check: "请将上面的文本保存为文件：`vitrine ops receipt verify FILE` 可使用 /.well-known/jwks.json 的密钥离线验证。本页保留一年。",
};

impl Farewell {
    /// The page of a deletion.
    #[must_use]
    pub fn of(deletion: &Deletion, language: Language) -> Self {
        let words = match language {
            Language::En => &ENGLISH,
            Language::Zh => &CHINESE,
        };
        let mut facts = vec![
            (words.asked, minute(deletion.asked_at)),
            (words.due, minute(deletion.due_at)),
        ];
        let (title, note, signed) = match &deletion.stage {
            Stage::Waiting(_) => (words.waiting, words.can_be_undone, ""),
            Stage::Erasing(_) => (words.erasing, words.is_under_way, ""),
            Stage::Erased(receipt) => (words.erased, words.how_to_check, receipt.as_str()),
        };
        let statement = statement::said(signed);
        let mut stays = Vec::new();
        if let Some(statement) = &statement {
            facts.push((words.done, minute(statement.erased_at)));
            stays = statement
                .stays
                .iter()
                .map(|stays| {
                    let until = stays.until.map_or_else(|| words.for_good.to_owned(), minute);
                    (until, format!("{}; {}", stays.what, stays.why))
                })
                .collect();
        }
        Self(Page {
            words,
            title,
            facts,
            statement,
            stays,
            signed: signed.to_owned(),
            note,
        })
    }
}

fn minute(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

impl IntoResponse for Farewell {
    fn into_response(self) -> Response {
        page(&self.0)
    }
}
