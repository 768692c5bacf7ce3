//! An order's receipt as a page to be printed.

use askama::Template;
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;

use super::document::page;
use crate::domain::{Language, Order};

/// A page that shows an order's receipt, in English or 简体中文. An order that has none yet says so.
#[derive(Debug, Clone)]
pub struct Receipt(Page);

#[derive(Debug, Clone, Template)]
#[template(path = "receipt.html")]
struct Page {
    lang: &'static str,
    title: &'static str,
    rows: Vec<(&'static str, String)>,
    refunds: Vec<(String, String)>,
    refunds_title: &'static str,
    note: &'static str,
}

/// The words of the page.
struct Words {
    lang: &'static str,
    title: &'static str,
    none: &'static str,
    number: &'static str,
    date: &'static str,
    pack: &'static str,
    credits: &'static str,
    amount: &'static str,
    order: &'static str,
    paid_with: &'static str,
    refunds: &'static str,
    note: &'static str,
}

const ENGLISH: Words = Words {
    lang: "en",
    title: "Receipt",
    none: "No receipt yet",
    number: "Receipt",
    date: "Date",
    pack: "Bought",
    credits: "image credits",
    amount: "Amount",
    order: "Order",
    paid_with: "Paid with",
    refunds: "Refunded",
    note: "One credit paints one picture. This page holds nothing about the payer: Vitrine does not know it.",
};

const CHINESE: Words = Words {
    lang: "zh-CN",
    title: "收据",
    none: "暂无收据",
    number: "收据编号",
    date: "日期",
    pack: "购买内容",
    credits: "点",
    amount: "金额",
    order: "订单",
    paid_with: "付款方式",
    refunds: "退款",
    note: "一点可生成一张图片。本页不含付款人的任何信息：Vitrine 并不知晓。",
};

impl Receipt {
    /// The receipt of an order.
    #[must_use]
    pub fn of(order: &Order, language: Language) -> Self {
        let words = match language {
            Language::En => &ENGLISH,
            Language::Zh => &CHINESE,
        };
        let day = |at: jiff::Timestamp| at.to_zoned(TimeZone::UTC).date().to_string();
        let mut rows = Vec::new();
        if let Some(receipt) = &order.receipt {
            rows.push((words.number, receipt.number.to_string()));
            rows.push((words.date, day(receipt.at)));
        }
        rows.push((words.pack, format!("{} {}", order.pack.credits, words.credits)));
        rows.push((words.amount, order.pack.price.to_string()));
        rows.push((words.order, order.id.to_string()));
        if order.payment.is_some() {
            rows.push((words.paid_with, "PayPal".to_owned()));
        }
        let mut refunds: Vec<_> = order.refunds.values().filter(|refund| !refund.failed).collect();
        refunds.sort_by_key(|refund| refund.at);
        Self(Page {
            lang: words.lang,
            title: if order.receipt.is_some() {
                words.title
            } else {
                words.none
            },
            rows,
            refunds: refunds
                .into_iter()
                .map(|refund| (day(refund.at), refund.amount.to_string()))
                .collect(),
            refunds_title: words.refunds,
            note: words.note,
        })
    }
}

impl IntoResponse for Receipt {
    fn into_response(self) -> Response {
        page(&self.0)
    }
}
