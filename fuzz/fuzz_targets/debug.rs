//! Packages out of which a debugger gets a file, rpm and deb: no panic, and no more bytes than the file is said to have.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use rws_deb::Deb;
use rws_fuzz::restated;
use rws_model::{BuildId, ClientFormat, DebugFile, DebugKind, FileName, Unlimited};
use rws_rpm::Rpm;

fuzz_target!(|bytes: &[u8]| {
    let (Ok(name), Some(id)) = (FileName::parse("x"), BuildId::of_bytes(&[0xab, 0xcd])) else { return };
    let is_rpm = !bytes.starts_with(b"!<arch>");
    let (format, bytes): (&dyn ClientFormat, Vec<u8>) =
        if is_rpm { (&Rpm, restated(bytes)) } else { (&Deb, bytes.to_vec()) };
    let Some(debug) = format.debug() else { return };
    for wanted in [
        DebugFile::OfBuildId(id.clone(), DebugKind::Debuginfo),
        DebugFile::OfBuildId(id.clone(), DebugKind::Executable),
        DebugFile::Source("/usr/bin/hello".to_owned()),
        DebugFile::Source("/usr/share/doc/hello/README".to_owned()),
    ] {
        let mut reader = debug.reader(&name, wanted, Arc::new(Unlimited));
        let mut taken = 0;
        for piece in bytes.chunks(1 + bytes.len() % 997) {
            if reader.push(piece).is_err() || reader.is_done() {
                break;
            }
            taken += reader.take().len() as u64;
        }
        _ = reader.end();
        taken += reader.take().len() as u64;
        assert!(taken <= reader.found().map_or(0, |found| found.size_bytes));
    }
});
