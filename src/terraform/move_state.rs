//! `moved` across resource types: the state of an object of another resource type or provider.

use zeroize::Zeroizing;

use super::wire;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::private::Private;
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Value};

/// An object in the form in which another provider stored it. It may hold a password.
pub struct MoveSource {
    /// The address of the provider that stored it, such as `registry.terraform.io/hashicorp/random`.
    pub provider: String,
    /// The name of its resource type.
    pub type_name: String,
    /// The version of its schema.
    pub schema_version: i64,
    /// The object in JSON.
    pub state: Zeroizing<Vec<u8>>,
    /// The private data of the other provider, in a form of its own.
    pub private: Vec<u8>,
    /// Its identity in JSON, if it has one.
    pub identity: Option<Vec<u8>>,
}

/// The object after the move.
pub struct Moved {
    /// The state, by the schema of this provider's resource.
    pub state: Object,
    /// Its private data.
    pub private: Private,
}

impl MoveSource {
    /// Returns whether it has that type and provider. Only the last two parts of the provider's address
    /// (`hashicorp/random`) are compared: the same provider has several registries and mirrors.
    pub fn is(&self, provider: &str, type_name: &str) -> bool {
        let mut parts = self.provider.rsplitn(3, '/');
        let (name, namespace) = (parts.next(), parts.next());
        self.type_name == type_name && provider.split_once('/') == namespace.zip(name)
    }

    /// Decodes the object by an object type. Missing attributes are null, others are ignored.
    ///
    /// # Errors
    /// When the object does not match the type. The diagnostic has the path and no value.
    pub fn object(&self, ty: &Type) -> Result<Object, Diagnostics> {
        match wire::json::decode_state(&self.state, ty) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(self.unreadable("it is not an object").into()),
            Err(error) => Err(self.unreadable(&error.to_string()).into()),
        }
    }

    fn unreadable(&self, why: &str) -> Diagnostic {
        Diagnostic::error(
            "State of the moved object cannot be read",
            format!(
                "The provider cannot read the `{}` of the provider `{}` that the state holds: {why}. Nothing was changed. Run \
                 `terraform apply -refresh-only` once with the last version of that provider, or drop the old object with a \
                 `removed` block and import it.",
                self.type_name, self.provider
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(provider: &str, state: &str) -> MoveSource {
        let (type_name, state) = ("toy_ball".to_owned(), Zeroizing::new(state.into()));
        MoveSource { provider: provider.into(), type_name, schema_version: 0, state, private: vec![], identity: None }
    }

    #[test]
    fn matches_type_and_last_two_parts_of_provider_address() {
        for (provider, is) in [
            ("registry.terraform.io/toys/toy", true),
            ("registry.opentofu.org/toys/toy", true),
            ("mirror.example.com:8443/toys/toy", true),
            ("toys/toy", true),
            ("registry.terraform.io/tools/toy", false),
            ("registry.terraform.io/toys/toys", false),
            ("registry.terraform.io/mytoys/toy", false),
            ("toy", false),
            ("", false),
        ] {
            assert_eq!(source(provider, "").is("toys/toy", "toy_ball"), is, "{provider}");
            assert!(!source(provider, "").is("toys/toy", "toy_box"), "{provider}");
        }
    }

    #[test]
    fn errors_hold_no_values() {
        let ty = Type::Object([("a".to_owned(), Type::String), ("b".to_owned(), Type::Bool)].into());
        let object = |state: &str| source("toys/toy", state).object(&ty);
        assert!(object(r#"{"a":"x","c":[1]}"#).is_ok_and(|found| found.get("a") == &Value::from("x")));
        for state in ["", "null", "[]", r#"{"a":"hunter2","b":"hunter2"}"#, r#"{"a":"hunter2""#] {
            let errors = object(state).err().unwrap();
            assert!(
                errors.iter().all(|error| !error.detail.contains("hunter2") && error.detail.contains("`toy_ball`"))
            );
        }
    }
}
