//! Signatures of packages: reading, replacing, and who verifies which.

mod clients;
mod front;
mod packet;
#[cfg(test)]
mod tests;
mod writer;

use std::io::Read;

use rws_model::{FileName, FrontError, PackageFront, PackageSigning, SignatureAlgorithm, Target};

use self::front::Front;
pub use self::writer::{RawTag, write_header};

/// The signing of RPM packages.
#[derive(Clone, Copy, Debug, Default)]
pub struct RpmSigning;

impl PackageSigning for RpmSigning {
    fn read(&self, name: &FileName, file: &mut dyn Read) -> Result<Box<dyn PackageFront>, FrontError> {
        Front::read(name, file).map(|front| Box::new(front) as Box<dyn PackageFront>)
    }

    fn unsuited(&self, target: &Target, algorithm: SignatureAlgorithm) -> Option<String> {
        clients::unsuited(target, algorithm)
    }
}
