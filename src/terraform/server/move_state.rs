//! The RPC of `moved` blocks across resource types.

use super::Server;
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::move_state::MoveSource;
use crate::terraform::proto;
use crate::terraform::provider::Provider;

impl<P: Provider> Server<P> {
    pub(super) fn move_state(
        &self,
        request: proto::move_resource_state::Request,
    ) -> Result<proto::move_resource_state::Response, Diagnostics> {
        let kind = self.resource(&request.target_type_name)?;
        let source = MoveSource {
            provider: request.source_provider_address,
            type_name: request.source_type_name,
            schema_version: request.source_schema_version,
            state: request.source_state.unwrap_or_default().json.into(),
            private: request.source_private,
            identity: request.source_identity.map(|identity| identity.json).filter(|json| !json.is_empty()),
        };
        let moved = kind.resource.move_from(&source)?;
        let (state, identity) = kind.stored(moved.state)?;
        Ok(proto::move_resource_state::Response {
            target_state: Some(state),
            target_private: moved.private.without_plan().encode(),
            target_identity: identity,
            ..Default::default()
        })
    }
}
