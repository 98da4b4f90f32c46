//! No bytes from the ring buffer make the decoder panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = tracer_core::decode::record(bytes);
});
