//! The generated messages and services of the plugin host's own protocol.

#![expect(unreachable_pub, unused_qualifications, reason = "generated")]

pub(super) mod host {
    tonic::include_proto!("plugin");
}

pub(super) mod health {
    tonic::include_proto!("grpc.health.v1");
}
