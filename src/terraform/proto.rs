//! The generated messages and service of protocol 5. Only this file and `server` see them.
//!
//! No message implements `Debug`: requests and answers carry passwords.

#![expect(unreachable_pub, unused_qualifications, clippy::all, reason = "generated from proto/tfplugin5.proto")]

tonic::include_proto!("tfplugin5");
