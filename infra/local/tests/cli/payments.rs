//! `vitrine ops payments` and `vitrine ops orders`: money against PayPal's record, and money sent back.

use std::path::Path;
use std::process::Output;

use aws_sdk_dynamodb::types::AttributeValue;
use shared::platform::Runtime;
use shared::secrets::Secrets;
use shared::{Clock, Entropy, Ids, Platform};
use vitrine::client::Client;
use vitrine::sim::{Act, Fault, Provider, Telling};
use vitrine::stack::{Options, Stack};

use crate::program::{bad, free_ports, good, run, text};

/// A stack in which somebody has bought twenty credits; its streams and schedules stand still. Gives the order too.
async fn shop(port: u16) -> (Stack, Client, String) {
    let options = Options {
        port,
        ..Options::in_memory(Clock::system(), Entropy::seeded(1))
    };
    let stack = Stack::start(options).await.unwrap();
    stack.run_in_background();
    let mut client = Client::new(stack.api_url(), stack.simulator_url()).unwrap();
    client
        .sign_up("mei@example.com", "a kiln of quiet glazes")
        .await
        .unwrap();
    let order = client.buy(20).await.unwrap();
    stack.simulators.paypal().tell(Telling {
        hold: true,
        ..Telling::default()
    });
    client.approve(&order).await.unwrap();
    client.capture(&order.id).await.unwrap();
    (stack, client, order.id)
}

fn ops(folder: &Path, port: u16, arguments: &[&str]) -> Output {
    let port = port.to_string();
    run(folder, &[&["ops"], arguments, &["--port", &port]].concat())
}

#[test]
fn orders_that_differ_from_paypals_record_are_told_and_mended() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (port, folder) = (free_ports(), tempfile::tempdir().unwrap());
    let (stack, client, order) = runtime.block_on(shop(port));
    let reconcile = |more: &[&str]| ops(folder.path(), port, &[&["payments", "reconcile"], more].concat());
    let said = good(&reconcile(&[]));
    assert!(
        said.contains("1 order compared, 0 more waiting for a payer; PayPal has taken 4.99 USD and sent nothing back"),
        "{said}"
    );
    assert!(said.ends_with("no difference\n"), "{said}");

    // Its event is held, so nobody here knows.
    let refund = Act::Refund {
        value: Some("1.00".to_owned()),
    };
    stack.simulators.paypal().act(&order, &refund).unwrap();
    let said = bad(&reconcile(&[]), "one thing differs");
    assert!(
        said.contains(&format!("{order}  PayPal has sent 1.00 USD back as ")),
        "{said}"
    );
    let said = good(&reconcile(&["--mend"]));
    assert!(said.ends_with("sent 1.00 USD back\nno difference\n"), "{said}");
    assert_eq!(runtime.block_on(client.credits()).unwrap(), 19);

    // An order that claims credits which its ledger does not have.
    let runtime_of = Runtime::local("operator", Some(stack.engines.dynamodb_url().parse().unwrap()));
    let (ids, entropy) = (Ids::new(Clock::system(), Entropy::system()), Entropy::system());
    let platform = Platform::with_secrets(runtime_of, Clock::system(), ids, entropy, Secrets::default());
    let table = stack.template.table("orders").unwrap().name.clone();
    let alter = platform
        .dynamodb()
        .update_item()
        .table_name(table)
        .key("id", AttributeValue::S(order.clone()))
        .update_expression("SET taken_back = :none")
        .expression_attribute_values(":none", AttributeValue::N("0".to_owned()))
        .send();
    runtime.block_on(alter).unwrap();
    let said = bad(&reconcile(&[]), "2 things differ");
    assert!(said.contains("the ledger has 16 credits of it, the order 20"), "{said}");
    runtime.block_on(stack.close());
}

#[test]
fn an_operator_sends_money_back_once_for_each_act() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (port, folder) = (free_ports(), tempfile::tempdir().unwrap());
    let (stack, client, order) = runtime.block_on(shop(port));
    let refund = |more: &[&str]| ops(folder.path(), port, &[&["orders", "refund", &order], more].concat());
    for (amount, why) in [
        ("0.00", "the amount must be above zero and at most 4.99 USD"),
        ("5.00", "the amount must be above zero and at most 4.99 USD"),
        ("much", "the amount must be one of USD"),
    ] {
        bad(&refund(&["--amount", amount]), why);
    }
    let said = good(&refund(&["--amount", "1.00", "--reason", "a broken picture"]));
    assert!(
        said.contains("1.00 USD of 4.99 USD") && said.contains("4 of 20 credits"),
        "{said}"
    );
    let act = said.lines().next().unwrap().to_owned();
    let again = good(&refund(&["--amount", "1.00", "--act", &act]));
    assert_eq!(again, said, "the same act sends nothing twice");
    bad(
        &refund(&["--amount", "2.00", "--act", &act]),
        &format!("{act} was another act"),
    );
    assert_eq!(runtime.block_on(client.credits()).unwrap(), 19);

    // PayPal does it, and its answer is lost.
    let lost = Fault {
        on: Some("/refund".to_owned()),
        reset: true,
        after_work: true,
        ..Fault::default()
    };
    stack.simulators.fault(Provider::Paypal, 1, lost).unwrap();
    let output = refund(&[]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    let act = told.split("--act ").nth(1).unwrap().split('`').next().unwrap();
    let said = good(&refund(&["--act", act]));
    assert!(
        said.contains("4.99 USD of 4.99 USD") && said.contains("20 of 20 credits"),
        "{said}"
    );
    let said = good(&refund(&[]));
    assert!(said.contains("all of it was sent back before"), "{said}");
    assert_eq!(
        stack.simulators.book().paypal.work.len(),
        3,
        "one payment and two refunds"
    );
    assert_eq!(runtime.block_on(client.credits()).unwrap(), 3);
    let nothing = ["orders", "refund", "ord_01kb0v1cqhe8svdnq7tqw8vz6n"];
    bad(
        &ops(folder.path(), port, &nothing),
        "there is no order ord_01kb0v1cqhe8svdnq7tqw8vz6n",
    );
    good(&ops(folder.path(), port, &["ledger", "verify"]));
    good(&ops(folder.path(), port, &["payments", "reconcile"]));
    runtime.block_on(stack.close());
}
