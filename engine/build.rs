//! Places the heap segment and links against the C library, which a `no_std` crate does not ask for by itself.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=ENGINE_LIBC");
    let arguments = [
        "-static",
        "-no-pie",
        "-Wl,--section-start=.heap=0x800000000", // BASE in src/image.rs
        "-Wl,-u,engine_heap",                    // keeps the section: nothing refers to it
        "-Wl,--build-id=none",
        "-Wl,-z,noseparate-code", // one segment for code and constants: fewer pages, a smaller file
        "-Wl,-z,norelro",
        "-Wl,--no-eh-frame-hdr", // a panic ends the process: nothing unwinds
        "-Wl,-Bstatic", // rustc leaves the linker looking for shared libraries
        "-Wl,--start-group",
        "-lc",
        "-lm",
        "-lgcc",
    ];
    let glibc = std::env::var("ENGINE_LIBC").as_deref() != Ok("musl");
    for argument in arguments.into_iter().chain(glibc.then_some("-lgcc_eh")) {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!("cargo:rustc-link-arg-bins=-Wl,--end-group");
    let here = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo:rustc-link-arg-bins=-Wl,-T,{here}/quickjs/used.ld");
    println!("cargo:rerun-if-changed=quickjs/used.ld");
}
