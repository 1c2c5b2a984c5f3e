//! Converts between the types of `terraform` and the generated messages.

use zeroize::Zeroizing;

use crate::terraform::diagnostic::{Diagnostic, Diagnostics, Path, PathStep, Severity};
use crate::terraform::proto;
use crate::terraform::proto::attribute_path::step::Selector;
use crate::terraform::proto::schema::nested_block::NestingMode;
use crate::terraform::schema::{Attribute, Block, NestedBlock, Presence, Schema};
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Value};
use crate::terraform::wire;
use crate::text;

/// Decodes a value of a request and clears its bytes. An absent value is null.
pub(super) fn decode(value: Option<proto::DynamicValue>, ty: &Type) -> Result<Value, Diagnostics> {
    let proto::DynamicValue { msgpack, json } = value.unwrap_or_default();
    let (msgpack, json) = (Zeroizing::new(msgpack), Zeroizing::new(json));
    let decoded = match (msgpack.as_slice(), json.as_slice()) {
        ([], []) => Ok(Value::Null),
        ([], json) => wire::json::decode(json, ty),
        (msgpack, _) => wire::msgpack::decode(msgpack, ty),
    };
    decoded.map_err(|error| undecodable(&error).into())
}

/// Decodes an object of a request; `None` for null.
pub(super) fn decode_object(value: Option<proto::DynamicValue>, ty: &Type) -> Result<Option<Object>, Diagnostics> {
    match decode(value, ty)? {
        Value::Object(object) => Ok(Some(object)),
        Value::Null => Ok(None),
        _ => Err(Diagnostic::error(
            "Invalid request from Terraform: unknown object",
            "Terraform sent an unknown value where the protocol requires an object. Nothing was changed. This is a bug in \
             Terraform or OpenTofu: report it with the version.",
        )
        .into()),
    }
}

/// Encodes an object for a response.
pub(super) fn encode(object: Object, ty: &Type) -> Result<proto::DynamicValue, Diagnostics> {
    encode_value(&Value::Object(object), ty)
}

/// Encodes null for a response. (An absent value has another meaning in some RPCs.)
pub(super) fn encode_null(ty: &Type) -> Result<proto::DynamicValue, Diagnostics> {
    encode_value(&Value::Null, ty)
}

/// Encodes an object in which a core accepts no unknown value.
pub(super) fn encode_known(object: Object, ty: &Type) -> Result<proto::DynamicValue, Diagnostics> {
    match object.iter().find(|(_, value)| !value.is_wholly_known()) {
        Some((name, _)) => Err(Diagnostic::error(
            "Invalid response from the provider",
            format!(
                "The provider returned an unknown value for `{name}`. Nothing was changed. This is a bug in the provider: \
                 report it with the version of the provider."
            ),
        )
        .at(name.as_str())
        .into()),
        None => encode(object, ty),
    }
}

/// Encodes a value for a response.
pub(super) fn encode_value(value: &Value, ty: &Type) -> Result<proto::DynamicValue, Diagnostics> {
    let msgpack = wire::msgpack::encode(value, ty).map_err(|error| {
        Diagnostics::from(Diagnostic::error(
            "Invalid response from the provider",
            format!(
                "The provider returned a value that does not match its schema: {error}. This is a bug in the provider: \
                 report it with the version of the provider."
            ),
        ))
    })?;
    Ok(proto::DynamicValue { msgpack, json: Vec::new() })
}

/// Returns the diagnostic for bytes that do not fit the schema.
pub(super) fn undecodable(error: &wire::Error) -> Diagnostic {
    Diagnostic::error(
        "Value does not match the schema",
        format!(
            "Terraform sent a value that does not match the schema of this version of the provider: {error}. Nothing was \
             changed. If the provider was replaced during the run, run `terraform init` again. Otherwise report this with \
             the versions of the provider and of Terraform or OpenTofu."
        ),
    )
}

/// Converts a diagnostic. Escapes control and invisible characters.
pub(super) fn diagnostic(diagnostic: Diagnostic) -> proto::Diagnostic {
    let severity = match diagnostic.severity {
        Severity::Error => proto::diagnostic::Severity::Error,
        Severity::Warning => proto::diagnostic::Severity::Warning,
    };
    proto::Diagnostic {
        severity: severity.into(),
        summary: text::shown(&diagnostic.summary).into_owned(),
        detail: text::lines(&diagnostic.detail).into_owned(),
        attribute: diagnostic.path.as_ref().map(path),
    }
}

/// Converts a path.
pub(super) fn path(path: &Path) -> proto::AttributePath {
    let steps = path.steps().iter().map(|step| {
        let selector = match step {
            PathStep::Attribute(name) => Selector::AttributeName(name.clone()),
            PathStep::Key(key) => Selector::ElementKeyString(key.clone()),
            PathStep::Index(index) => Selector::ElementKeyInt(*index),
        };
        proto::attribute_path::Step { selector: Some(selector) }
    });
    proto::AttributePath { steps: steps.collect() }
}

/// Converts a schema.
pub(super) fn schema(schema: &Schema) -> proto::Schema {
    proto::Schema { version: schema.version, block: Some(block(&schema.block)) }
}

fn block(block: &Block) -> proto::schema::Block {
    proto::schema::Block {
        attributes: block.attributes.iter().map(attribute).collect(),
        block_types: block.blocks.iter().map(nested).collect(),
        description: block.description.clone(),
        description_kind: proto::StringKind::Markdown.into(),
        ..Default::default()
    }
}

fn attribute(attribute: &Attribute) -> proto::schema::Attribute {
    proto::schema::Attribute {
        name: attribute.name.to_owned(),
        r#type: attribute.ty.to_json(),
        description: attribute.description.clone(),
        description_kind: proto::StringKind::Markdown.into(),
        required: attribute.presence == Presence::Required,
        optional: matches!(attribute.presence, Presence::Optional | Presence::OptionalComputed),
        computed: attribute.is_computed(),
        sensitive: attribute.sensitive,
        write_only: attribute.write_only,
        ..Default::default()
    }
}

fn nested(nested: &NestedBlock) -> proto::schema::NestedBlock {
    proto::schema::NestedBlock {
        type_name: nested.name.to_owned(),
        block: Some(block(&nested.block)),
        nesting: NestingMode::Single.into(),
        // A core demands zero of both in a block of this nesting.
        min_items: 0,
        max_items: 0,
    }
}
