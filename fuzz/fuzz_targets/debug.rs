//! Packages out of which a debugger gets a file, rpm and deb: no panic, and no more bytes than the file is said to have.
#![no_main]

use std::io;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use rws_deb::Deb;
use rws_fuzz::restated;
use rws_model::{BuildId, ClientFormat, DebugFile, DebugKind, FileName, FileOutput, FoundFile, Unlimited};
use rws_rpm::Rpm;

/// How many bytes of the file may come yet.
struct Bounded(Option<u64>);

impl FileOutput for Bounded {
    fn found(&mut self, file: FoundFile) -> io::Result<()> {
        assert!(self.0.replace(file.size_bytes).is_none());
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let left = self.0.and_then(|left| left.checked_sub(bytes.len() as u64));
        self.0 = Some(left.expect("no more bytes than the file has"));
        Ok(())
    }
}

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
        let mut reader = debug.reader(&name, wanted, Box::new(Bounded(None)), Arc::new(Unlimited));
        let is_read = bytes.chunks(1 + bytes.len() % 997).all(|piece| reader.push(piece).is_ok() && !reader.is_done());
        if is_read {
            _ = reader.end();
        }
    }
});
