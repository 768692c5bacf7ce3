//! The API's document, put together from what each function says of itself.

use std::collections::BTreeMap;

use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, PathItem, Ref, ResponseBuilder,
    Schema, ServerBuilder,
};

use super::kind::Kind;
use super::problem::PROBLEM_JSON;

/// The name of the security scheme that operations with a caller refer to.
pub const BEARER: &str = "bearer";

const TAGS: &[(&str, &str)] = &[
    ("accounts", "Signing up and the account itself"),
    ("sessions", "Signing in"),
    ("images", "From words to pictures"),
    ("credits", "What a picture costs and what is left"),
    ("service", "The service about itself"),
];

/// The whole API: the `parts` in one document.
#[must_use]
pub fn document(parts: Vec<OpenApi>) -> OpenApi {
    let mut whole = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Vitrine")
                .version("1")
                .description(Some(
                    "Product pictures from words. Requests and answers are JSON; what goes wrong is answered with a problem (RFC 9457).",
                ))
                .build(),
        )
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .components(Some(components()))
        .tags(Some(TAGS.iter().map(|(name, description)| {
            TagBuilder::new().name(*name).description(Some(*description)).build()
        })))
        .build();
    for mut part in parts {
        // Every part has an `info` of its own making; its paths and schemas are what counts.
        part.servers = None;
        part.tags = None;
        whole.merge(part);
    }
    whole
}

/// `part` with every problem its operations may answer with, one response a status.
#[must_use]
pub fn with_problems(mut part: OpenApi, kinds: &[Kind]) -> OpenApi {
    let mut by_status: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
    // Any of ours may fail, and every answer may be one that was asked for too often.
    for kind in kinds.iter().chain(&[Kind::Internal, Kind::Unavailable]) {
        let kinds = by_status.entry(kind.status().as_u16()).or_default();
        if !kinds.contains(kind) {
            kinds.push(*kind);
        }
    }
    for item in part.paths.paths.values_mut() {
        for operation in operations(item) {
            for (status, kinds) in &by_status {
                let lines: Vec<String> = kinds
                    .iter()
                    .map(|kind| format!("`{}`: {}", kind.slug(), kind.title()))
                    .collect();
                let content = ContentBuilder::new()
                    .schema(Some(Ref::from_schema_name("Problem")))
                    .build();
                let response = ResponseBuilder::new()
                    .description(lines.join("; "))
                    .content(PROBLEM_JSON, content)
                    .build();
                operation
                    .responses
                    .responses
                    .insert(status.to_string(), response.into());
            }
        }
    }
    part
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .flatten()
}

fn components() -> Components {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("An access token, as signing in gives it; it lasts 15 minutes"))
        .build();
    let mut components = Components::new();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    components.schemas.insert("Problem".to_owned(), problem().into());
    components
}

fn problem() -> Schema {
    let text = |description: &str| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(description))
    };
    let error = ObjectBuilder::new()
        .property("pointer", text("The field, as a JSON pointer (RFC 6901)"))
        .property("parameter", text("The parameter of the query"))
        .property("detail", text("What it must be"))
        .required("detail");
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Object))
        .description(Some(
            "What is wrong (RFC 9457). Members beyond these depend on the type; see docs/problems.md.",
        ))
        .property(
            "type",
            text("Which kind of problem; programs decide by this").examples(["/problems/insufficient-credits"]),
        )
        .property(
            "title",
            text("The kind in words; the same for every problem of the type"),
        )
        .property(
            "status",
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .description(Some("The HTTP status")),
        )
        .property("detail", text("What is wrong this time, for people"))
        .property("instance", text("The request's id, as in X-Request-Id"))
        .property(
            "errors",
            ArrayBuilder::new()
                .items(error)
                .description(Some("Each field or parameter that is not acceptable")),
        )
        .property(
            "retry_after",
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .description(Some("In how many seconds to try again")),
        )
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .required("type")
        .required("title")
        .required("status")
        .required("detail")
        .required("instance")
        .build()
        .into()
}
