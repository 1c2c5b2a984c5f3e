//! Data sources, ephemeral resources and functions, as a core calls them.

use async_trait::async_trait;
use tonic::Request;

use super::toys::Shop;
use super::{Core, diagnostics};
use crate::terraform::data_source::DataSource;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::ephemeral_resource::EphemeralResource;
use crate::terraform::function::{Function, FunctionError, Parameter, Signature};
use crate::terraform::notation::{object, show};
use crate::terraform::proto;
use crate::terraform::proto::DynamicValue;
use crate::terraform::proto::provider_server::Provider as _;
use crate::terraform::resource::RpcContext;
use crate::terraform::schema::{Schema, computed, optional, required};
use crate::terraform::server::convert;
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Value};

/// Returns a text from a size, as a data source and as an ephemeral resource.
pub(super) struct Label;

impl Label {
    fn label(call: &RpcContext<Shop>, config: &Object) -> Result<Object, Diagnostics> {
        let mut result = Object::new();
        let size = config.get("size").as_str().unwrap_or_default();
        match config.get("name").as_str().unwrap_or_default() {
            "panic" => panic!("hunter2"),
            "refuse" => return Err(Diagnostic::error("Refused", "").at("name").into()),
            "dusty" => call.warn(Diagnostic::warning("Dusty", "")),
            "unknown" => {
                result.set("text", Value::unknown());
                return Ok(result);
            }
            _ => {}
        }
        result.set("text", format!("size {size}"));
        // The server ignores the values that a result has for arguments.
        result.set("name", "hunter2");
        result.set("owner", "hunter2");
        Ok(result)
    }

    fn table() -> Schema {
        Schema::new("A label.")
            .attribute(required("name", Type::String, "Name."))
            .attribute(optional("size", Type::String, "Size.").default("10"))
            .attribute(optional("owner", Type::String, "Owner."))
            .attribute(computed("text", Type::String, "Text."))
    }
}

#[async_trait]
impl DataSource<Shop> for Label {
    fn name(&self) -> &'static str {
        "toy_label"
    }

    fn schema(&self) -> Schema {
        Self::table()
    }

    fn validate(&self, config: &Object) -> Diagnostics {
        match config.get("name").as_str() {
            Some("") => Diagnostic::error("Empty name", "").at("name").into(),
            _ => Diagnostics::new(),
        }
    }

    async fn read(&self, call: &RpcContext<Shop>, config: &Object) -> Result<Object, Diagnostics> {
        Self::label(call, config)
    }
}

#[async_trait]
impl EphemeralResource<Shop> for Label {
    fn name(&self) -> &'static str {
        "toy_label"
    }

    fn schema(&self) -> Schema {
        Self::table()
    }

    async fn open(&self, call: &RpcContext<Shop>, config: &Object) -> Result<Object, Diagnostics> {
        Self::label(call, config)
    }
}

/// Joins texts.
pub(super) struct Join;

impl Function for Join {
    fn name(&self) -> &'static str {
        "join"
    }

    fn signature(&self) -> Signature {
        let parameter = |name, ty| Parameter { name, ty, description: String::new() };
        Signature {
            summary: "Joins texts.".to_owned(),
            description: "Joins texts.".to_owned(),
            parameters: vec![parameter("by", Type::String), parameter("texts", Type::list(Type::String))],
            returns: Type::String,
        }
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let by = arguments[0].as_str().unwrap();
        let Value::List(texts) = &arguments[1] else { panic!("hunter2") };
        match by {
            "panic" => panic!("hunter2"),
            "" => Err(FunctionError::at(0, "must not be empty.")),
            "wrong" => Ok(Value::Bool(true)),
            by => Ok(texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(by).into()),
        }
    }
}

fn encode(config: &str) -> Option<DynamicValue> {
    let table = Label::table();
    Some(convert::encode(object(&table.block, config), &table.object_type()).unwrap())
}

fn decode(value: Option<DynamicValue>) -> String {
    match value {
        Some(value) => match convert::decode(Some(value), &Label::table().object_type()).unwrap() {
            Value::Object(object) => show(&object),
            _ => panic!("no object"),
        },
        None => "absent".to_owned(),
    }
}

/// Returns the result of the data source for a configuration, after a check that the ephemeral resource returns the same.
async fn read(core: &Core, config: &str) -> (String, String) {
    let (type_name, config) = ("toy_label".to_owned(), encode(config));
    let request =
        proto::read_data_source::Request { type_name: type_name.clone(), config: config.clone(), ..Default::default() };
    let mut data = core.server.read_data_source(Request::new(request)).await.unwrap().into_inner();
    let request = proto::open_ephemeral_resource::Request { type_name, config, ..Default::default() };
    let mut ephemeral = core.server.open_ephemeral_resource(Request::new(request)).await.unwrap().into_inner();
    assert!(ephemeral.renew_at.is_none() && ephemeral.deferred.is_none() && data.deferred.is_none());
    let (read, open) = (diagnostics(&mut data), diagnostics(&mut ephemeral));
    assert_eq!(read, open.replace("OpenEphemeralResource", "ReadDataSource"));
    let state = decode(data.state);
    assert_eq!(state, decode(ephemeral.result));
    (state, read)
}

#[tokio::test]
async fn returns_arguments_as_configured_and_computed_values() {
    let core = Core::configured().await;
    for (config, state, expected) in [
        ("name=a", "name=a size=10 text=size_10", ""),
        ("name=a size=3 owner=x", "name=a owner=x size=3 text=size_3", ""),
        ("name=dusty", "name=dusty size=10 text=size_10", "warning: Dusty"),
        ("name=refuse", "absent", "error: Refused @ name"),
        ("name=unknown", "absent", "error: Invalid response from the provider @ text"),
        ("name=?", "absent", "error: Value not known yet @ name"),
        ("name=a text=x", "absent", "error: Read-only attribute in the configuration @ text"),
        ("name=panic", "absent", "error: The provider crashed while handling `ReadDataSource`"),
    ] {
        let (found, diagnostics) = read(&core, config).await;
        assert_eq!(
            (found.replace("size 1", "size_1").replace("size 3", "size_3").as_str(), diagnostics.as_str()),
            (state, expected)
        );
    }
}

#[tokio::test]
async fn validates_without_settings_and_with_unknown_values() {
    let core = Core::new();
    for (config, expected) in [
        ("name=a", ""),
        ("name=?", ""),
        ("name=a text=?", ""),
        ("name=a text=x", "error: Read-only attribute in the configuration @ text"),
    ] {
        let (type_name, config) = ("toy_label".to_owned(), encode(config));
        let request = proto::validate_ephemeral_resource_config::Request { type_name, config };
        let response = core.server.validate_ephemeral_resource_config(Request::new(request)).await;
        assert_eq!(diagnostics(&mut response.unwrap().into_inner()), expected);
    }
    let mut empty = object(&Label::table().block, "name=x");
    empty.set("name", "");
    let config = Some(convert::encode(empty, &Label::table().object_type()).unwrap());
    let request = proto::validate_data_source_config::Request { type_name: "toy_label".to_owned(), config };
    let response = core.server.validate_data_source_config(Request::new(request)).await;
    assert_eq!(diagnostics(&mut response.unwrap().into_inner()), "error: Empty name @ name");
    let (_, before_configure) = read(&core, "name=a").await;
    assert_eq!(before_configure, "error: Provider is not configured");
}

#[tokio::test]
async fn ends_and_renews_what_holds_nothing_open() {
    let core = Core::configured().await;
    let type_name = "toy_label".to_owned();
    let renew = proto::renew_ephemeral_resource::Request { type_name: type_name.clone(), private: None };
    let mut renewed = core.server.renew_ephemeral_resource(Request::new(renew)).await.unwrap().into_inner();
    assert_eq!((diagnostics(&mut renewed).as_str(), renewed.renew_at), ("", None));
    let close = proto::close_ephemeral_resource::Request { type_name, private: None };
    let mut closed = core.server.close_ephemeral_resource(Request::new(close)).await.unwrap().into_inner();
    assert_eq!(diagnostics(&mut closed), "");
}

#[tokio::test]
async fn offers_them_in_metadata_and_schemas() {
    let core = Core::new();
    let metadata = core.server.get_metadata(Request::new(Default::default())).await.unwrap().into_inner();
    assert_eq!(metadata.data_sources[0].type_name, "toy_label");
    assert_eq!(metadata.ephemeral_resources[0].type_name, "toy_label");
    assert_eq!(metadata.functions[0].name, "join");
    let schemas = core.server.get_schema(Request::new(Default::default())).await.unwrap().into_inner();
    assert_eq!(schemas.data_source_schemas["toy_label"].block.as_ref().unwrap().attributes.len(), 4);
    assert!(schemas.ephemeral_resource_schemas["toy_label"].block.is_some());
    let join = &schemas.functions["join"];
    assert_eq!(join.parameters[1].r#type, br#"["list","string"]"#);
    assert!(join.parameters.iter().all(|parameter| !parameter.allow_null_value && !parameter.allow_unknown_values));
    assert_eq!(join.r#return.as_ref().unwrap().r#type, br#""string""#);
    let functions = core.server.get_functions(Request::new(Default::default())).await.unwrap().into_inner();
    assert!(&functions.functions["join"] == join);
}

async fn call(core: &Core, name: &str, arguments: &[Value]) -> Result<String, (String, Option<i64>)> {
    let types = [Type::String, Type::list(Type::String)];
    let encoded = arguments.iter().zip(types).map(|(value, ty)| convert::encode_value(value, &ty).unwrap());
    let request = proto::call_function::Request { name: name.to_owned(), arguments: encoded.collect() };
    let response = core.server.call_function(Request::new(request)).await.unwrap().into_inner();
    match (response.result, response.error) {
        (Some(result), None) => Ok(convert::decode(Some(result), &Type::String).unwrap().as_str().unwrap().to_owned()),
        (None, Some(error)) => {
            assert!(!error.text.contains("hunter2"));
            Err((error.text, error.function_argument))
        }
        _ => panic!("neither a result nor an error, or both"),
    }
}

#[tokio::test]
async fn calls_functions_without_settings() {
    let core = Core::new();
    let texts = Value::List(vec!["a".into(), "b".into()]);
    assert_eq!(call(&core, "join", &["-".into(), texts.clone()]).await, Ok("a-b".to_owned()));
    for (by, texts, text, argument) in [
        (Value::from(""), texts.clone(), "must not be empty.", Some(0)),
        (Value::Null, texts.clone(), "must not be null.", Some(0)),
        ("-".into(), Value::List(vec![Value::Null]), "must not be null.", Some(1)),
        ("-".into(), Value::unknown(), "must be known.", Some(1)),
    ] {
        assert_eq!(call(&core, "join", &[by, texts]).await, Err((text.to_owned(), argument)));
    }
    let (panicked, argument) = call(&core, "join", &["panic".into(), texts.clone()]).await.unwrap_err();
    assert!(panicked.contains("`CallFunction`") && argument.is_none(), "{panicked}");
    assert!(call(&core, "join", &["wrong".into(), texts]).await.unwrap_err().0.contains("bug in the provider"));
    let (few, _) = call(&core, "join", &["-".into()]).await.unwrap_err();
    assert_eq!(few, "takes 2 arguments; 1 were given.");
    assert!(call(&core, "upper", &[]).await.unwrap_err().0.contains("no function `upper`"));
}

#[tokio::test]
async fn reads_an_empty_function_argument_as_null() {
    let core = Core::new();
    let arguments = vec![DynamicValue::default(), DynamicValue::default()];
    let request = proto::call_function::Request { name: "join".to_owned(), arguments };
    let response = core.server.call_function(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(response.error.unwrap().text, "must not be null.");
}
