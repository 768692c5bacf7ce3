//! What our mails say, in English and 简体中文. No name is ever in them (promise P11).

use askama::Template;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::mail::{Letter, MailKind};
use crate::domain::order::ReceiptNumber;
use crate::domain::{Code, Language, Order};

#[derive(Template)]
#[template(path = "mail/letter.txt", escape = "none")]
struct Text<'a> {
    greeting: &'a str,
    paragraphs: &'a [&'a str],
    code: Option<&'a str>,
    closing: &'a str,
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct Html<'a> {
    lang: &'a str,
    subject: &'a str,
    greeting: &'a str,
    paragraphs: &'a [&'a str],
    code: Option<&'a str>,
    closing: &'a str,
}

/// The words of one mail.
struct Words {
    subject: &'static str,
    paragraphs: &'static [&'static str],
}

/// The letter with the code that proves an address.
#[must_use]
pub fn verify_email(language: Language, code: &Code) -> Letter {
    letter(MailKind::VerifyEmail, language, Some(code))
}

/// The letter with the code that proves an account's new address.
#[must_use]
pub fn change_email(language: Language, code: &Code) -> Letter {
    letter(MailKind::ChangeEmail, language, Some(code))
}

/// The letter to the address that an account had before. It does not tell the new one.
#[must_use]
pub fn email_changed(language: Language) -> Letter {
    letter(MailKind::EmailChanged, language, None)
}

/// The letter to somebody whose address was given for an account although it has one.
#[must_use]
pub fn address_known(language: Language) -> Letter {
    letter(MailKind::AddressKnown, language, None)
}

/// The letter with the code that lets a forgotten password be replaced.
#[must_use]
pub fn reset_password(language: Language, code: &Code) -> Letter {
    letter(MailKind::ResetPassword, language, Some(code))
}

/// The letter that says that the password was changed. Neither the old one nor the new one is in it.
#[must_use]
pub fn password_changed(language: Language) -> Letter {
    letter(MailKind::PasswordChanged, language, None)
}

/// The receipt of an order: its number, the day, what was bought and for how much, and the order. Nothing of the payer is in it
/// (P12). In both languages where nobody knows which one the buyer reads, because PayPal or the clock caused it.
#[must_use]
pub fn receipt(language: Option<Language>, order: &Order, number: ReceiptNumber, at: Timestamp) -> Letter {
    let day = at.to_zoned(TimeZone::UTC).date();
    let (credits, price, id) = (order.pack.credits, order.pack.price, order.id);
    let facts = |language| match language {
        Language::En => [
            format!("Receipt: {number}"),
            format!("Date: {day}"),
            format!("Pack: {credits} credits"),
            format!("Amount: {price}"),
            format!("Order: {id}"),
        ],
        Language::Zh => [
            format!("收据编号：{number}"),
            format!("日期：{day}"),
            format!("套餐：{credits} 点"),
            format!("金额：{price}"),
            format!("订单：{id}"),
        ],
    };
    let first = language.unwrap_or(Language::En);
    let languages: &[Language] = if language.is_some() {
        &[first]
    } else {
        &[first, Language::Zh]
    };
    let mut paragraphs = Vec::new();
    for language in languages {
        let opening = words(MailKind::Receipt, *language).paragraphs;
        paragraphs.extend(opening.iter().map(|paragraph| (*paragraph).to_owned()));
        paragraphs.extend(facts(*language));
    }
    let subject = format!("{} {number}", words(MailKind::Receipt, first).subject);
    let paragraphs: Vec<&str> = paragraphs.iter().map(String::as_str).collect();
    written(first, &subject, &paragraphs, None)
}

/// The letter that says that the account is closed: when it will be erased, how to come back until then, and where the receipt
/// will be.
#[must_use]
pub fn account_closed(language: Language, due_at: Timestamp, receipt_url: &str) -> Letter {
    let Words { subject, paragraphs } = words(MailKind::AccountClosed, language);
    let due = due_at.strftime("%Y-%m-%d %H:%M UTC");
    let facts = match language {
        Language::En => [format!("Erasure: {due}"), format!("Receipt: {receipt_url}")],
        Language::Zh => [format!("删除时间：{due}"), format!("凭证：{receipt_url}")],
    };
    let paragraphs: Vec<&str> = paragraphs
        .iter()
        .copied()
        .chain(facts.iter().map(String::as_str))
        .collect();
    written(language, subject, &paragraphs, None)
}

/// The letter that says that the account is open again.
#[must_use]
pub fn account_restored(language: Language) -> Letter {
    letter(MailKind::AccountRestored, language, None)
}

/// The letter with the code that proves who asks about their data.
#[must_use]
pub fn privacy_code(language: Language, code: &Code) -> Letter {
    letter(MailKind::PrivacyCode, language, Some(code))
}

/// The letter that says where the data can be fetched, once, and until when.
#[must_use]
pub fn privacy_access(language: Language, url: &str, until: Timestamp) -> Letter {
    let Words { subject, paragraphs } = words(MailKind::PrivacyAccess, language);
    let until = until.strftime("%Y-%m-%d %H:%M UTC");
    let facts = match language {
        Language::En => [format!("Until: {until}"), format!("Address: {url}")],
        Language::Zh => [format!("有效期至：{until}"), format!("网址：{url}")],
    };
    let facts = facts.iter().map(String::as_str);
    let paragraphs: Vec<&str> = paragraphs.iter().copied().chain(facts).collect();
    written(language, subject, &paragraphs, None)
}

/// The letter with an operator's answer, in the operator's own words, under both languages' heading.
#[must_use]
pub fn privacy_answer(number: &str, answer: &str) -> Letter {
    let Words { subject, paragraphs } = words(MailKind::PrivacyAnswer, Language::En);
    let number = format!("Request: {number}");
    let paragraphs: Vec<&str> = paragraphs.iter().copied().chain([number.as_str(), answer]).collect();
    written(Language::En, subject, &paragraphs, None)
}

/// The letter to whose picture was removed after a report, with an operator's reason, under both languages' heading.
#[must_use]
pub fn picture_removed(picture: &str, reason: &str) -> Letter {
    let Words { subject, paragraphs } = words(MailKind::PictureRemoved, Language::En);
    let picture = format!("Picture: {picture}");
    let paragraphs: Vec<&str> = paragraphs.iter().copied().chain([picture.as_str(), reason]).collect();
    written(Language::En, subject, &paragraphs, None)
}

fn letter(kind: MailKind, language: Language, code: Option<&Code>) -> Letter {
    let Words { subject, paragraphs } = words(kind, language);
    written(language, subject, paragraphs, code)
}

fn written(language: Language, subject: &str, paragraphs: &[&str], code: Option<&Code>) -> Letter {
    let (lang, greeting, closing) = match language {
        Language::En => ("en", "Hello,", "Kind regards"),
        Language::Zh => ("zh-CN", "您好：", "此致"),
    };
    let code = code.map(Code::as_str);
    // Rendering into memory cannot fail; an empty body would be seen by the provider and refused.
    let text = Text {
        greeting,
        paragraphs,
        code,
        closing,
    }
    .render()
    .unwrap_or_default();
    let html = Html {
        lang,
        subject,
        greeting,
        paragraphs,
        code,
        closing,
    }
    .render()
    .unwrap_or_default();
    Letter {
        subject: subject.to_owned(),
        text,
        html,
    }
}

fn words(kind: MailKind, language: Language) -> Words {
    match (kind, language) {
        (MailKind::VerifyEmail, Language::En) => Words {
            subject: "Your Vitrine code",
            paragraphs: &[
                "Enter this code where you signed up. It is good for 15 minutes.",
                "If you did not sign up, ignore this mail: without the code nothing happens.",
            ],
        },
        (MailKind::VerifyEmail, Language::Zh) => Words {
            subject: "您的 Vitrine 验证码",
            paragraphs: &[
                "请在注册页面输入以下验证码，15 分钟内有效。",
                "如果不是您本人注册，请忽略此邮件：没有验证码，什么也不会发生。",
            ],
        },
        (MailKind::AddressKnown, Language::En) => Words {
            subject: "You already have a Vitrine account",
            paragraphs: &[
                "Somebody, probably you, wanted to use this address for a Vitrine account, but it has one already.",
                "If it was you, sign in with your password. If it was not, you need do nothing: your account is unchanged.",
            ],
        },
        (MailKind::AddressKnown, Language::Zh) => Words {
            subject: "您已有 Vitrine 账户",
            paragraphs: &[
                "有人（可能是您本人）想将此邮箱地址用于 Vitrine 账户，而该地址已有账户。",
                "如果是您本人，请用密码登录。如果不是，您无需任何操作：您的账户没有变化。",
            ],
        },
        (MailKind::ChangeEmail, Language::En) => Words {
            subject: "Your Vitrine code",
            paragraphs: &[
                "Enter this code where you changed the address of your account. It is good for 15 minutes.",
                "If you did not want to change it, ignore this mail: without the code nothing happens.",
            ],
        },
        (MailKind::ChangeEmail, Language::Zh) => Words {
            subject: "您的 Vitrine 验证码",
            paragraphs: &[
                "请在更改账户邮箱地址的页面输入以下验证码，15 分钟内有效。",
                "如果您并未要求更改，请忽略此邮件：没有验证码，什么也不会发生。",
            ],
        },
        (MailKind::EmailChanged, Language::En) => Words {
            subject: "The address of your Vitrine account was changed",
            paragraphs: &[
                "Your Vitrine account has another e-mail address now. You sign in with that one, and mail about the account goes there.",
                "If it was you, you need do nothing. If it was not, reply to this mail at once.",
            ],
        },
        (MailKind::EmailChanged, Language::Zh) => Words {
            subject: "您的 Vitrine 账户邮箱地址已更改",
            paragraphs: &[
                "您的 Vitrine 账户现已使用另一个邮箱地址。今后请用新地址登录，与账户有关的邮件也将发往新地址。",
                "如果是您本人更改，您无需任何操作。如果不是，请立即回复此邮件。",
            ],
        },
        (MailKind::ResetPassword, Language::En) => Words {
            subject: "Your Vitrine code for a new password",
            paragraphs: &[
                "Enter this code where you asked for a new password. It is good for 15 minutes.",
                "If you did not ask, ignore this mail and give the code to nobody: without it your password stays as it is.",
            ],
        },
        (MailKind::ResetPassword, Language::Zh) => Words {
            subject: "您的 Vitrine 密码重置验证码",
            paragraphs: &[
                "请在重置密码的页面输入以下验证码，15 分钟内有效。",
                "如果不是您本人操作，请忽略此邮件，也不要将验证码告诉任何人：没有验证码，您的密码不会改变。",
            ],
        },
        (MailKind::PasswordChanged, Language::En) => Words {
            subject: "Your Vitrine password was changed",
            paragraphs: &[
                "The password of your account was changed, and whoever was signed in elsewhere is signed out.",
                "If it was you, you need do nothing. If it was not, ask for a code for a new password at once: your mailbox is what counts.",
            ],
        },
        // What was bought stands below, in `receipt`.
        (MailKind::Receipt, Language::En) => Words {
            subject: "Your Vitrine receipt",
            paragraphs: &["Thank you. Your payment has arrived and the credits are in your account."],
        },
        (MailKind::Receipt, Language::Zh) => Words {
            subject: "您的 Vitrine 收据",
            paragraphs: &["感谢您的购买。款项已收到，点数已存入您的账户。"],
        },
        // When, and where the receipt will be, stands below, in `account_closed`.
        (MailKind::AccountClosed, Language::En) => Words {
            subject: "Your Vitrine account is closed",
            paragraphs: &[
                "Your account is closed, and everybody who was signed in is signed out. At the time below it will be erased, with all pictures and credits.",
                "If you change your mind, restore it before then with your address and password. If it was not you, do that at once and choose another password.",
                "Afterwards the page below has a signed receipt: what went, what stays, why, and until when. Keep its address: it is not kept anywhere else.",
            ],
        },
        (MailKind::AccountClosed, Language::Zh) => Words {
            subject: "您的 Vitrine 账户已关闭",
            paragraphs: &[
                "您的账户已关闭，所有登录均已退出。账户及全部图片和点数将在下述时间删除。",
                "如果您改变主意，请在此之前用邮箱地址和密码恢复账户。如果不是您本人操作，请立即恢复并更换密码。",
                "删除之后，下述页面将提供签名凭证，说明删除了什么、保留了什么、原因和期限。请保存该网址：我们不会在其他地方保存它。",
            ],
        },
        (MailKind::AccountRestored, Language::En) => Words {
            subject: "Your Vitrine account is open again",
            paragraphs: &[
                "Your account will not be erased, and everything in it is as it was. You can sign in again.",
                "If it was not you, change your password at once.",
            ],
        },
        (MailKind::AccountRestored, Language::Zh) => Words {
            subject: "您的 Vitrine 账户已恢复",
            paragraphs: &[
                "您的账户不会被删除，其中的一切保持原样。您可以重新登录。",
                "如果不是您本人操作，请立即更改密码。",
            ],
        },
        (MailKind::PrivacyCode, Language::En) => Words {
            subject: "Your Vitrine code for your privacy request",
            paragraphs: &[
                "Enter this code where you asked about your data. It is good for 15 minutes.",
                "If you did not ask, ignore this mail: without the code nothing happens.",
            ],
        },
        (MailKind::PrivacyCode, Language::Zh) => Words {
            subject: "您的 Vitrine 隐私请求验证码",
            paragraphs: &[
                "请在提出隐私请求的页面输入以下验证码，15 分钟内有效。",
                "如果不是您本人提出，请忽略此邮件：没有验证码，什么也不会发生。",
            ],
        },
        (MailKind::PrivacyAccess, Language::En) => Words {
            subject: "Your data at Vitrine",
            paragraphs: &[
                "You asked to see everything that is kept about you. It can be fetched at the address below, once.",
                "Whoever has the address can fetch it: pass it on to nobody.",
            ],
        },
        (MailKind::PrivacyAccess, Language::Zh) => Words {
            subject: "您在 Vitrine 的数据",
            paragraphs: &[
                "您请求查看我们保存的有关您的全部数据。您可以在下述网址获取，仅限一次。",
                "持有该网址的人都可以获取数据：请勿转发给任何人。",
            ],
        },
        (MailKind::PrivacyAnswer, Language::En | Language::Zh) => Words {
            subject: "Your privacy request at Vitrine · 您的 Vitrine 隐私请求",
            paragraphs: &["Here is the answer to your request about your data. 以下是对您的隐私请求的答复。"],
        },
        (MailKind::PictureRemoved, Language::En | Language::Zh) => Words {
            subject: "A picture was removed at Vitrine · 您在 Vitrine 的一张图片已被移除",
            paragraphs: &[
                "Somebody reported one of your pictures. We have looked at it and removed it; the reason is below. \
                 有人举报了您的一张图片，我们审核后已将其移除，原因如下。",
            ],
        },
        (MailKind::PasswordChanged, Language::Zh) => Words {
            subject: "您的 Vitrine 密码已更改",
            paragraphs: &[
                "您账户的密码已更改，其他设备上的登录均已退出。",
                "如果是您本人操作，您无需做任何事。如果不是，请立即申请密码重置验证码：以您的邮箱为准。",
            ],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_stands_in_both_bodies_of_its_letter_and_in_both_languages() {
        let code: Code = "042917".parse().unwrap();
        for language in [Language::En, Language::Zh] {
            for letter in [
                verify_email(language, &code),
                change_email(language, &code),
                reset_password(language, &code),
            ] {
                assert!(letter.text.contains("042917") && letter.html.contains("042917"));
                assert!(!letter.subject.contains("042917"), "a subject shows on locked screens");
            }
        }
    }
}
