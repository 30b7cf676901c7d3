#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mailcrane_fuzz::utf7::run(data));
