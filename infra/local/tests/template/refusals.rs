//! Mistakes in the template, and the places that the errors name.

use vitrine::template::{Sources, Template, TemplateError, local_parameters};

/// The template of this repository with one passage of one file replaced.
fn changed(file: &str, from: &str, to: &str) -> Result<Template, TemplateError> {
    let mut sources = Sources::embedded();
    let text = if file == "template.yaml" {
        &mut sources.root
    } else {
        sources.nested.get_mut(file).unwrap()
    };
    assert!(text.contains(from), "{file} does not contain {from}");
    *text = text.replacen(from, to, 1);
    Template::evaluate(&sources, &local_parameters())
}

fn refusal(file: &str, from: &str, to: &str) -> String {
    changed(file, from, to).unwrap_err().to_string()
}

#[test]
fn a_reference_to_nothing_names_who_makes_it() {
    assert_eq!(
        refusal(
            "template.yaml",
            "PUBLIC_URL: !Ref PublicUrl",
            "PUBLIC_URL: !Ref PublicUri"
        ),
        "template.yaml: AccountsVerify: refers to PublicUri, which is not there"
    );
    assert_eq!(
        refusal(
            "template.yaml",
            "OUTBOX_TABLE: !GetAtt Data.Outputs.OutboxTable",
            "OUTBOX_TABLE: !GetAtt Data.Outputs.Outbox"
        ),
        "template.yaml: AccountsCreate: asks for Data.Outputs.Outbox, which Data does not have"
    );
    assert_eq!(
        refusal(
            "infra/workers.yaml",
            "EventSourceArn: !GetAtt ImagesPaintQueue.Arn",
            "EventSourceArn: !GetAtt PaintQueue.Arn"
        ),
        "infra/workers.yaml: ImagesPaintMapping: refers to PaintQueue, which is not there"
    );
    assert_eq!(
        refusal(
            "infra/data.yaml",
            "      StreamSpecification: { StreamViewType: NEW_AND_OLD_IMAGES }\n",
            ""
        ),
        "infra/data.yaml: ImagesTableStream: asks for Images.StreamArn, which Images does not have"
    );
}

#[test]
fn a_parameter_that_is_missing_unknown_or_out_of_range_is_named() {
    assert_eq!(
        refusal("template.yaml", "        PaintConcurrency: !Ref PaintConcurrency\n", ""),
        "infra/workers.yaml: PaintConcurrency: has no value"
    );
    let evaluate = |name: &str, value: &str| {
        let mut parameters = local_parameters();
        parameters.insert(name.to_owned(), value.to_owned());
        Template::evaluate(&Sources::embedded(), &parameters)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        evaluate("Stge", "dev"),
        "template.yaml: Stge: is given, but is no parameter of this template"
    );
    assert_eq!(
        evaluate("Architecture", "arm"),
        "template.yaml: Architecture: is arm, which is none of arm64, x86_64"
    );
    assert_eq!(
        evaluate("MemorySize", "plenty"),
        "template.yaml: MemorySize: is plenty, which is no whole number"
    );
}

#[test]
fn a_policy_wider_than_one_thing_is_refused() {
    let get = "{ Effect: Allow, Action: [dynamodb:GetItem, dynamodb:PutItem], Resource: !GetAtt Data.Outputs.AccountsTableArn }";
    for (policy, problem) in [
        (
            "{ Effect: Allow, Action: \"dynamodb:*\", Resource: !GetAtt Data.Outputs.AccountsTableArn }",
            "allows dynamodb:*; name each action",
        ),
        (
            "{ Effect: Allow, Action: dynamodb:GetItem, Resource: \"*\" }",
            "names *, which is no single thing of ours",
        ),
        (
            "{ Effect: Allow, Action: dynamodb:GetItem, Resource: \"arn:aws:dynamodb:us-east-1:000000000000:table/vitrine-local-*\" }",
            "names arn:aws:dynamodb:us-east-1:000000000000:table/vitrine-local-*, which is no single thing of ours",
        ),
        (
            "{ Effect: Deny, Action: dynamodb:GetItem, Resource: !GetAtt Data.Outputs.AccountsTableArn }",
            "has a statement that does not allow; leave out what is not allowed",
        ),
    ] {
        assert_eq!(
            refusal("template.yaml", get, policy),
            format!("template.yaml: AccountsCreate: {problem}")
        );
    }
}

#[test]
fn a_slip_of_the_pen_is_refused_with_its_place() {
    let cases = [
        ("!Ref MailFrom", "!Reff MailFrom", "the file: !Reff is not known"),
        (
            "Method: POST, Path: /v1/accounts }",
            "Method: post, Path: /v1/accounts }",
            "AccountsCreate: has the method post",
        ),
        (
            "Path: /v1/accounts/verify",
            "Path: /v1/accounts",
            "AccountsVerify: has the route POST /v1/accounts of AccountsCreate",
        ),
        (
            "Type: HttpApi, Properties: { ApiId: !Ref Api, Method: POST",
            "Type: Api, Properties: { ApiId: !Ref Api, Method: POST",
            "AccountsCreate: Events.Route",
        ),
        (
            "MemorySize: 1769",
            "MemorySize: much",
            "AccountsCreate: MemorySize: invalid type",
        ),
        (
            "POST /v1/sessions: {",
            "POST /v1/session: {",
            "RouteSettings: are for POST /v1/session, which is no route",
        ),
        (
            "POST /v1/sessions: {",
            "/v1/sessions: {",
            "Api: has settings for /v1/sessions, which is no method and path",
        ),
        (
            "{ ThrottlingBurstLimit: 200, ThrottlingRateLimit: 100 }",
            "{ ThrottlingBurstLimit: 200 }",
            "Api: DefaultRouteSettings: missing field `ThrottlingRateLimit`",
        ),
        ("Resources:\n", "Resource:\n", "Resource: is no section of a template"),
        (
            "infra/data.yaml",
            "infra/date.yaml",
            "Data: nests infra/date.yaml, which is no file of ours",
        ),
        (
            "Stage: !Ref Stage\n        RecoveryDays",
            "Stage: !GetAtt Data.Outputs.ImagesTable\n        RecoveryDays",
            "Data: leads back to itself",
        ),
        (
            "!Equals [!Ref CdnDomain, \"\"]",
            "!Equals [!Ref CdnDomain]",
            "HasCdn: Equals takes a list of 2",
        ),
        (
            "!Not [!Equals [!Ref CdnDomain, \"\"]]",
            "!Not [!Condition HasCdn]",
            "HasCdn: leads back to itself",
        ),
    ];
    for (from, to, problem) in cases {
        let refused = refusal("template.yaml", from, to);
        assert!(refused.starts_with(&format!("template.yaml: {problem}")), "{refused}");
    }
}
