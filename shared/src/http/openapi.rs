//! The API's document, put together from what each function says of itself.

use std::collections::{BTreeMap, BTreeSet};

use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ArrayItems, SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr, Response,
    ResponseBuilder, Schema, ServerBuilder,
};

use super::kind::Kind;
use super::problem::PROBLEM_JSON;

/// The name of the security scheme that operations with a caller refer to.
pub const BEARER: &str = "bearer";

/// The name of the security scheme of operations that other companies call with a signature.
pub const SVIX: &str = "svix";

/// The same for PayPal's.
pub const PAYPAL: &str = "paypal";

const TAGS: &[(&str, &str)] = &[
    ("accounts", "Signing up and the account itself"),
    ("sessions", "Signing in"),
    ("prompts", "From a description to words for a picture"),
    ("images", "From words to pictures"),
    ("credits", "What a picture costs and what is left"),
    ("orders", "Buying credits"),
    ("webhooks", "What other companies tell us"),
    ("privacy", "Asking about one's own data without signing in"),
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
    if let Some(components) = &mut whole.components {
        refer(components);
    }
    whole
}

/// Lists of something that has a name say the name: utoipa writes the items of a generic type out in full.
fn refer(components: &mut Components) {
    let known = components.schemas.clone();
    let name_of = |schema: &RefOr<Schema>| match schema {
        RefOr::T(Schema::Object(_)) => known.iter().find(|(_, known)| *known == schema).map(|(name, _)| name),
        RefOr::T(_) | RefOr::Ref(_) => None,
    };
    for schema in components.schemas.values_mut() {
        let RefOr::T(Schema::Object(object)) = schema else {
            continue;
        };
        for property in object.properties.values_mut() {
            if let RefOr::T(Schema::Array(list)) = property
                && let ArrayItems::RefOrSchema(items) = &mut list.items
                && let Some(name) = name_of(items)
            {
                **items = Ref::from_schema_name(name).into();
            }
        }
    }
}

/// `part` with every problem its operations may answer with, one response a status: those of `own`, and those that follow
/// from what an operation takes.
#[must_use]
pub fn with_problems(mut part: OpenApi, own: &[Kind]) -> OpenApi {
    for item in part.paths.paths.values_mut() {
        for operation in operations(item) {
            let mut by_status: BTreeMap<u16, BTreeSet<Kind>> = BTreeMap::new();
            for kind in usual(operation).into_iter().chain(own.iter().copied()) {
                by_status.entry(kind.status().as_u16()).or_default().insert(kind);
            }
            for (status, kinds) in by_status {
                let response = RefOr::T(problems(&kinds));
                operation.responses.responses.insert(status.to_string(), response);
            }
        }
    }
    part
}

/// The problems that follow from what the operation takes.
fn usual(operation: &Operation) -> Vec<Kind> {
    let mut kinds = vec![Kind::Internal];
    for parameter in operation.parameters.iter().flatten() {
        let RefOr::T(parameter) = parameter else { continue };
        match (&parameter.parameter_in, parameter.name.as_str()) {
            (ParameterIn::Path, _) => kinds.push(Kind::NotFound),
            (ParameterIn::Query, "cursor") => kinds.extend([Kind::InvalidParameter, Kind::InvalidCursor]),
            (ParameterIn::Query, _) => kinds.push(Kind::InvalidParameter),
            (ParameterIn::Header, "Idempotency-Key") => kinds.extend([
                Kind::MissingIdempotencyKey,
                Kind::InvalidIdempotencyKey,
                Kind::IdempotencyKeyReused,
            ]),
            (ParameterIn::QueryString | ParameterIn::Header | ParameterIn::Cookie, _) => {}
        }
    }
    if operation.request_body.is_some() {
        kinds.extend([
            Kind::InvalidBody,
            Kind::BodyTooLarge,
            Kind::UnsupportedMediaType,
            Kind::InvalidField,
            Kind::UnknownField,
        ]);
    }
    let has_caller = operation.security.is_some();
    let signed = SecurityRequirement::new(SVIX, [""; 0]);
    if operation.security.iter().flatten().any(|needed| *needed == signed) {
        kinds.push(Kind::InvalidSignature);
    } else if has_caller {
        kinds.extend([Kind::Unauthorized, Kind::SessionEnded]);
    }
    if has_caller || operation.request_body.is_some() {
        // Whatever knows its caller or keeps what it was sent asks the store.
        kinds.push(Kind::Unavailable);
    }
    kinds
}

fn problems(kinds: &BTreeSet<Kind>) -> Response {
    let lines: Vec<String> = kinds
        .iter()
        .map(|kind| format!("`{}`: {}", kind.slug(), kind.title()))
        .collect();
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    ResponseBuilder::new()
        .description(lines.join("; "))
        .content(PROBLEM_JSON, content)
        .build()
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
    let signature = ApiKeyValue::with_description(
        "svix-signature",
        "A signature over `svix-id`, `svix-timestamp` and the body, as Svix makes it",
    );
    components.add_security_scheme(SVIX, SecurityScheme::ApiKey(ApiKey::Header(signature)));
    let signature = ApiKeyValue::with_description(
        "paypal-transmission-sig",
        "A signature over the delivery's id and time, our webhook's id and the checksum of the body, as PayPal makes it",
    );
    components.add_security_scheme(PAYPAL, SecurityScheme::ApiKey(ApiKey::Header(signature)));
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
