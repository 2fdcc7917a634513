//! The numbers of the tags that RWS reads, as in rpm's `rpmtag.h`.

/// The region that covers the signature header (rpm: `RPMTAG_HEADERSIGNATURES`).
pub const HEADER_SIGNATURES: u32 = 62;
/// The region that covers the main header (rpm: `RPMTAG_HEADERIMMUTABLE`). Packages of format 3 have none.
pub const HEADER_IMMUTABLE: u32 = 63;
/// The older name of a region (rpm: `RPMTAG_HEADERIMAGE`).
pub const HEADER_IMAGE: u32 = 61;
/// The smallest number of a tag that is no region (rpm: `HEADER_I18NTABLE`).
pub const FIRST: u32 = 100;

/// The largest number of a tag: librpm reads it with a sign.
pub const LAST: u32 = i32::MAX as u32;

/// Signature header: SHA-1 of the main header, hexadecimal.
pub const SIGNATURE_SHA1: u32 = 269;
/// Signature header: size of main header and payload, 64 bits.
pub const SIGNATURE_LONG_SIZE: u32 = 270;
/// Signature header: size of the uncompressed payload, 64 bits.
pub const SIGNATURE_LONG_ARCHIVE_SIZE: u32 = 271;
/// Signature header: SHA-256 of the main header, hexadecimal.
pub const SIGNATURE_SHA256: u32 = 273;
/// Signature header: signatures of the files, as of [`FILE_SIGNATURES`].
pub const SIGNATURE_FILE_SIGNATURES: u32 = 274;
/// Signature header: their length.
pub const SIGNATURE_FILE_SIGNATURE_LENGTH: u32 = 275;
/// Signature header: the algorithm of the files' verity signatures.
pub const SIGNATURE_VERITY_ALGORITHM: u32 = 277;
/// Signature header: SHA3-256 of the main header, hexadecimal (format 6).
pub const SIGNATURE_SHA3_256: u32 = 279;
/// Signature header: size of main header and payload, 32 bits.
pub const SIGNATURE_SIZE: u32 = 1000;
/// Signature header: MD5 of main header and payload, 16 bytes.
pub const SIGNATURE_MD5: u32 = 1004;
/// Signature header: size of the uncompressed payload, 32 bits.
pub const SIGNATURE_PAYLOAD_SIZE: u32 = 1007;

/// Name.
pub const NAME: u32 = 1000;
/// Version.
pub const VERSION: u32 = 1001;
/// Release.
pub const RELEASE: u32 = 1002;
/// Epoch; missing stands for 0.
pub const EPOCH: u32 = 1003;
/// One line of text.
pub const SUMMARY: u32 = 1004;
/// Text of many lines.
pub const DESCRIPTION: u32 = 1005;
/// Seconds since 1970.
pub const BUILD_TIME: u32 = 1006;
/// The host that built it.
pub const BUILD_HOST: u32 = 1007;
/// Installed size, 32 bits.
pub const SIZE: u32 = 1009;
/// Vendor.
pub const VENDOR: u32 = 1011;
/// Operating system.
pub const OPERATING_SYSTEM: u32 = 1021;
/// Licence.
pub const LICENSE: u32 = 1014;
/// Packager.
pub const PACKAGER: u32 = 1015;
/// Group.
pub const GROUP: u32 = 1016;
/// Home page.
pub const URL: u32 = 1020;
/// Architecture; of a source package the one it was built on.
pub const ARCHITECTURE: u32 = 1022;
/// Whole paths (format 3).
pub const OLD_FILE_NAMES: u32 = 1027;
/// Sizes of files, 32 bits.
pub const FILE_SIZES: u32 = 1028;
/// Modes as in `stat`.
pub const FILE_MODES: u32 = 1030;
/// What symbolic links refer to; of other files nothing.
pub const FILE_LINKS: u32 = 1036;
/// Flags of files: [`crate::files`].
pub const FILE_FLAGS: u32 = 1037;
/// Owners of files.
pub const FILE_USERS: u32 = 1039;
/// Groups of files.
pub const FILE_GROUPS: u32 = 1040;
/// The file name of the source package; source packages have none.
pub const SOURCE_RPM: u32 = 1044;
/// Size of the uncompressed payload, 32 bits.
pub const ARCHIVE_SIZE: u32 = 1046;
/// Times of changelog entries.
pub const CHANGELOG_TIME: u32 = 1080;
/// Authors of changelog entries.
pub const CHANGELOG_NAME: u32 = 1081;
/// Texts of changelog entries.
pub const CHANGELOG_TEXT: u32 = 1082;
/// Set in source packages.
pub const SOURCE_PACKAGE: u32 = 1106;
/// Devices of files.
pub const FILE_DEVICES: u32 = 1095;
/// Inodes of files, each of one package.
pub const FILE_INODES: u32 = 1096;
/// For each file the place of its directory in [`DIRECTORY_NAMES`].
pub const DIRECTORY_INDEXES: u32 = 1116;
/// For each file the last part of its path.
pub const BASE_NAMES: u32 = 1117;
/// Directories, with a slash at the end.
pub const DIRECTORY_NAMES: u32 = 1118;
/// [`BASE_NAMES`] of before a relocation, in the database of installed packages.
pub const RELOCATED_BASE_NAMES: u32 = 1120;
/// `cpio`; `drpm` for deltas.
pub const PAYLOAD_FORMAT: u32 = 1124;
/// How the payload is compressed: `xz`.
pub const PAYLOAD_COMPRESSOR: u32 = 1125;
/// The packages that a patch package of SuSE applies to.
pub const PATCHES_NAME: u32 = 1133;
/// Sizes of files, 64 bits.
pub const LONG_FILE_SIZES: u32 = 5008;
/// Installed size, 64 bits.
pub const LONG_SIZE: u32 = 5009;
/// What starts scripts when files come or go.
pub const FILE_TRIGGERS: u32 = 5069;
/// For each of [`FILE_TRIGGERS`] the place of its script.
pub const FILE_TRIGGER_INDEXES: u32 = 5070;
/// What starts scripts at the end of a transaction in which files came or went.
pub const TRANSACTION_FILE_TRIGGERS: u32 = 5079;
/// For each of [`TRANSACTION_FILE_TRIGGERS`] the place of its script.
pub const TRANSACTION_FILE_TRIGGER_INDEXES: u32 = 5080;
/// Signatures of the files.
pub const FILE_SIGNATURES: u32 = 5090;
/// The length of [`FILE_SIGNATURES`].
pub const FILE_SIGNATURE_LENGTH: u32 = 5091;
/// SHA-256 (or [`PAYLOAD_DIGEST_ALGORITHM`]) of the payload as it is in the file, hexadecimal.
pub const PAYLOAD_DIGEST: u32 = 5092;
/// The algorithm of [`PAYLOAD_DIGEST`], an OpenPGP number.
pub const PAYLOAD_DIGEST_ALGORITHM: u32 = 5093;
/// Size of the payload as it is in the file (format 6).
pub const PAYLOAD_SIZE: u32 = 5112;
/// Size of the payload before compression (format 6).
pub const PAYLOAD_SIZE_ALT: u32 = 5113;
/// SHA-512 of the payload as it is in the file, hexadecimal (format 6).
pub const PAYLOAD_SHA512: u32 = 5121;
/// SHA3-256 of the payload as it is in the file, hexadecimal (format 6).
pub const PAYLOAD_SHA3_256: u32 = 5123;

/// Whether a tag may stand in signature headers only: librpm moves these to the main header when it reads a package,
/// and refuses one that has them there (rpm: `headerMergeLegacySigs`). 274 and 275, signatures of files, may be in both.
pub const fn is_signature_only(tag: u32) -> bool {
    matches!(tag, 256..=273 | 276..=279)
}

/// The three tags of one list of dependencies.
#[derive(Clone, Copy, Debug)]
pub struct DependencyTags {
    /// Names.
    pub names: u32,
    /// Flags: [`crate::dependency`].
    pub flags: u32,
    /// Versions, `EPOCH:VERSION-RELEASE`.
    pub versions: u32,
}

/// What a package provides.
pub const PROVIDES: DependencyTags = DependencyTags { names: 1047, flags: 1112, versions: 1113 };
/// What it needs.
pub const REQUIRES: DependencyTags = DependencyTags { names: 1049, flags: 1048, versions: 1050 };
/// What it cannot be installed with.
pub const CONFLICTS: DependencyTags = DependencyTags { names: 1054, flags: 1053, versions: 1055 };
/// What it replaces.
pub const OBSOLETES: DependencyTags = DependencyTags { names: 1090, flags: 1114, versions: 1115 };
/// What it should be installed with.
pub const RECOMMENDS: DependencyTags = DependencyTags { names: 5046, flags: 5048, versions: 5047 };
/// What it could be installed with.
pub const SUGGESTS: DependencyTags = DependencyTags { names: 5049, flags: 5051, versions: 5050 };
/// What should be installed with it.
pub const SUPPLEMENTS: DependencyTags = DependencyTags { names: 5052, flags: 5054, versions: 5053 };
/// What could be installed with it.
pub const ENHANCES: DependencyTags = DependencyTags { names: 5055, flags: 5057, versions: 5056 };
/// Recommends (flag `STRONG`) and suggests before rpm 4.12, of SuSE and Mandriva.
pub const OLD_SUGGESTS: DependencyTags = DependencyTags { names: 1156, flags: 1158, versions: 1157 };
/// Supplements (flag `STRONG`) and enhances before rpm 4.12, of SuSE and Mandriva.
pub const OLD_ENHANCES: DependencyTags = DependencyTags { names: 1159, flags: 1161, versions: 1160 };
