//! Turns the `.proto` files into Rust at build time, in Rust: neither `protoc` nor a network is needed.

use std::error::Error;

const FILES: [&str; 5] =
    ["tfplugin5.proto", "grpc_broker.proto", "grpc_controller.proto", "grpc_stdio.proto", "health.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    tonic_prost_build::configure()
        .build_client(false)
        // Requests and responses carry passwords. `terraform::proto` decides which parts of them may be printed.
        .skip_debug(["."])
        // Many messages are only namespaces for their requests and responses.
        .type_attribute(".", "#[allow(dead_code)]")
        .compile_fds(descriptors)?;
    Ok(())
}
