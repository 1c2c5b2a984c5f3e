//! The RPCs that plan and apply a change.

use super::{RegisteredResource, Server, convert, response};
use crate::terraform::check;
use crate::terraform::diagnostic::{Diagnostic, Diagnostics};
use crate::terraform::plan;
use crate::terraform::private::Private;
use crate::terraform::proto;
use crate::terraform::provider::Provider;
use crate::terraform::resource::{AppliedChange, PlannedChange, RpcContext};
use crate::terraform::types::Type;
use crate::terraform::value::{Object, Value};
use crate::terraform::wire;

impl<P: Provider> Server<P> {
    pub(super) async fn plan(
        &self,
        request: proto::plan_resource_change::Request,
    ) -> Result<proto::plan_resource_change::Response, Diagnostics> {
        let kind = self.resource(&request.type_name)?;
        let prior = convert::decode_object(request.prior_state, &kind.ty)?;
        let private = Private::decode(&request.prior_private)?;
        let call = self.context(request.client_capabilities)?;
        let proposed = convert::decode_object(request.proposed_new_state, &kind.ty)?;
        let config = convert::decode_object(request.config, &kind.ty)?;
        let response = match (proposed, config) {
            (Some(proposed), Some(config)) => kind.plan_change(&call, prior, &proposed, config, private).await,
            (None, _) => kind.plan_destroy(&call, prior, private).await,
            (Some(_), None) => Err(without_config().into()),
        };
        response::attach_diagnostics(call, response)
    }

    pub(super) async fn apply(
        &self,
        request: proto::apply_resource_change::Request,
    ) -> Result<proto::apply_resource_change::Response, Diagnostics> {
        let kind = self.resource(&request.type_name)?;
        let prior = convert::decode_object(request.prior_state, &kind.ty)?;
        let planned = convert::decode_object(request.planned_state, &kind.ty)?;
        let config = convert::decode_object(request.config, &kind.ty)?;
        let private = Private::decode(&request.planned_private)?;
        let call = self.context(None)?;
        // After an error without a new state the core keeps value, private data and identity.
        match (prior, planned) {
            (Some(prior), None) => {
                let response = kind.delete(&call, &prior, &private).await;
                response::attach_diagnostics(call, response)
            }
            (prior, Some(planned)) => {
                let config = config.unwrap_or_else(|| planned.clone());
                let response = kind.change(&call, prior, planned, config, private).await;
                response::attach_warnings(call, response)
            }
            (None, None) => kind.deleted(),
        }
    }
}

impl<S: Send + Sync + 'static> RegisteredResource<S> {
    async fn plan_change(
        &self,
        call: &RpcContext<S>,
        prior: Option<Object>,
        proposed: &Object,
        config: Object,
        private: Private,
    ) -> Result<proto::plan_resource_change::Response, Diagnostics> {
        if !call.write_only_allowed() {
            self.reject_write_only(&config, |value| !value.is_null()).into_result()?;
        }
        let block = &self.schema.block;
        check::read_only(block, &config, |_| true).into_result()?;
        let proposal = plan::propose(block, prior.as_ref(), proposed, &config, &self.same());
        let (planned, replace) = (proposal.state, proposal.replace);
        let mut change = PlannedChange { prior, config, planned, replace, private };
        self.resource.plan(call, &mut change).await?;
        check::planned(block, change.prior.as_ref(), &change.config, &change.planned).into_result()?;
        Ok(proto::plan_resource_change::Response {
            planned_identity: self.identity_of(change.prior.as_ref()),
            planned_state: Some(convert::encode(change.planned, &self.ty)?),
            requires_replace: change.replace.iter().map(convert::path).collect(),
            planned_private: change.private.encode(),
            ..Default::default()
        })
    }

    async fn plan_destroy(
        &self,
        call: &RpcContext<S>,
        prior: Option<Object>,
        private: Private,
    ) -> Result<proto::plan_resource_change::Response, Diagnostics> {
        if let Some(prior) = &prior {
            self.resource.plan_destroy(call, prior, &private).await?;
        }
        Ok(proto::plan_resource_change::Response {
            planned_state: Some(convert::encode_null(&self.ty)?),
            planned_private: private.encode(),
            planned_identity: self.identity_of(prior.as_ref()),
            ..Default::default()
        })
    }

    async fn change(
        &self,
        call: &RpcContext<S>,
        prior: Option<Object>,
        planned: Object,
        config: Object,
        private: Private,
    ) -> Result<proto::apply_resource_change::Response, Diagnostics> {
        let creates = prior.is_none();
        let prior = prior.unwrap_or_else(|| self.schema.empty_object());
        let mut change = AppliedChange { prior, config, planned: planned.clone(), private };
        let response = if creates {
            self.resource.create(call, &mut change).await?
        } else {
            self.resource.update(call, &mut change).await?
        };
        // The object exists or has changed: no error from here on.
        let response = self.storable(call, response);
        let resolved = plan::resolve_unknowns(&self.schema.block, &planned, &response, &self.same());
        for attribute in &resolved.disagreements {
            call.warn(stored_differently(attribute, &response));
        }
        Ok(proto::apply_resource_change::Response {
            new_identity: self.identity_of(Some(&resolved.state)),
            new_state: Some(convert::encode(resolved.state, &self.ty)?),
            private: change.private.without_plan().encode(),
            ..Default::default()
        })
    }

    async fn delete(
        &self,
        call: &RpcContext<S>,
        prior: &Object,
        private: &Private,
    ) -> Result<proto::apply_resource_change::Response, Diagnostics> {
        self.resource.delete(call, prior, private).await?;
        self.deleted()
    }

    /// Returns the response after a delete.
    fn deleted(&self) -> Result<proto::apply_resource_change::Response, Diagnostics> {
        Ok(proto::apply_resource_change::Response {
            new_state: Some(convert::encode_null(&self.ty)?),
            ..Default::default()
        })
    }

    /// Returns the response without values of a wrong type. Those are a bug of the resource, but the object must not be
    /// lost: the next refresh reads what is missing.
    fn storable(&self, call: &RpcContext<S>, response: Object) -> Object {
        let Type::Object(types) = &self.ty else { return response };
        let mut storable = response.clone();
        for (name, ty) in types {
            if let Err(error) = wire::msgpack::encode(response.get(name), ty) {
                call.warn(not_stored(name, &error, &response));
                storable.set(name, Value::Null);
            }
        }
        storable
    }
}

fn without_config() -> Diagnostic {
    Diagnostic::error(
        "Invalid request from Terraform: no configuration",
        "Terraform requested a plan without the configuration. Nothing was changed. This is a bug in Terraform or OpenTofu: \
         report it with the version.",
    )
}

fn not_stored(attribute: &str, error: &wire::Error, response: &Object) -> Diagnostic {
    Diagnostic::warning(
        format!("Value not stored: `{attribute}` of {}", title(response)),
        format!(
            "The provider returned a value for `{attribute}` that does not match its schema: {error}. The change itself \
             succeeded, and the next plan reads the missing value. This is a bug in the provider: report it with the \
             version of the provider."
        ),
    )
    .at(attribute)
}

fn stored_differently(attribute: &str, response: &Object) -> Diagnostic {
    let kind = match response.get(attribute) {
        Value::Null => "no value",
        _ => "another value",
    };
    Diagnostic::warning(
        format!("Value stored differently: `{attribute}` of {}", title(response)),
        format!(
            "The service returned {kind} for `{attribute}` instead of the planned one. The state holds the planned value; \
             the next plan reads the value from the service and shows the difference."
        ),
    )
    .at(attribute)
}

fn title(response: &Object) -> &str {
    response.get("name").as_str().or_else(|| response.get("id").as_str()).unwrap_or("the object")
}
