//! The generated messages and service of protocol 5, used by `server` alone.
//!
//! No message implements `Debug`: requests and responses carry passwords.

#![expect(unreachable_pub, unused_qualifications, clippy::all, reason = "generated from proto/tfplugin5.proto")]

tonic::include_proto!("tfplugin5");
