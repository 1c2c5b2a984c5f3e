//! Generates the configuration that a user would write for an object.

use crate::terraform::schema::{Attribute, Block, Presence};
use crate::terraform::value::{Object, Value};

/// Returns the arguments that describe an object. Computed attributes, secrets and defaults are null; blocks are absent.
///
/// A core prints each sensitive argument as a line for the user to complete.
pub fn config(block: &Block, state: &Object) -> Object {
    let value = |attribute: &Attribute| {
        if is_written(attribute, state) { state.get(attribute.name).clone() } else { Value::Null }
    };
    let arguments = block.attributes.iter().map(|attribute| (attribute.name.to_owned(), value(attribute)));
    block.complete(arguments.collect())
}

fn is_written(attribute: &Attribute, state: &Object) -> bool {
    let hidden = attribute.sensitive || attribute.write_only || attribute.presence == Presence::Computed;
    !hidden && attribute.default.as_ref() != Some(state.get(attribute.name))
}

#[cfg(test)]
mod tests {
    use crate::terraform::notation::{object, schema, show};

    #[test]
    fn generates_arguments_that_a_user_would_write() {
        let mut block = schema("name! zone?~ size?=10 shape?=egg owner? pin?+wo token? id~ block s { a! }");
        for attribute in &mut block.attributes {
            attribute.sensitive = attribute.name == "token";
        }
        for (state, config) in [
            ("name=x zone=z size=10 shape=egg owner=n token=t id=1 s={ a=1 }", "name=x owner=n zone=z"),
            ("name=x size=11 shape=egg id=1", "name=x size=11"),
            ("name=x", "name=x"),
        ] {
            assert_eq!(show(&super::config(&block, &object(&block, state))), config, "{state}");
        }
    }
}
