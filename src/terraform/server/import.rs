//! The RPCs that import an object and generate the configuration of an imported one.

use super::{Server, convert, response};
use crate::terraform::diagnostic::Diagnostics;
use crate::terraform::proto;
use crate::terraform::provider::Provider;
use crate::terraform::resource::ImportTarget;

impl<P: Provider> Server<P> {
    pub(super) async fn import(
        &self,
        request: proto::import_resource_state::Request,
    ) -> Result<proto::import_resource_state::Response, Diagnostics> {
        let kind = self.resource(&request.type_name)?;
        let call = self.context(request.client_capabilities)?;
        let response = async {
            let identity = kind.decode_identity(request.identity)?.filter(|_| request.id.is_empty());
            let target = identity.as_ref().map_or(ImportTarget::Id(&request.id), ImportTarget::Identity);
            let (state, identity) = kind.stored(kind.resource.import(&call, target).await?)?;
            let type_name = request.type_name;
            let state = Some(state);
            let imported =
                proto::import_resource_state::ImportedResource { type_name, state, identity, ..Default::default() };
            Ok(proto::import_resource_state::Response { imported_resources: vec![imported], ..Default::default() })
        };
        let response = response.await;
        response::attach_diagnostics(call, response)
    }

    pub(super) fn generate(
        &self,
        request: proto::generate_resource_config::Request,
    ) -> Result<proto::generate_resource_config::Response, Diagnostics> {
        let kind = self.resource(&request.type_name)?;
        let config = match convert::decode_object(request.state, &kind.ty)? {
            Some(state) => convert::encode(kind.schema.block.complete(kind.resource.generate(&state)), &kind.ty)?,
            None => convert::encode_null(&kind.ty)?,
        };
        Ok(proto::generate_resource_config::Response { config: Some(config), ..Default::default() })
    }
}
