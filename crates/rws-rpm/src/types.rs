//! Which types the values of a tag may have.
//!
//! From `rpmTagGetTagType` of rpm 6.1, the tags of which are those of 4.18 and 22 more. librpm refuses a package in which a
//! number or bytes have another type, of numbers another width too (`hdrchkTagType`), and takes any text for a text. Where
//! it expects lists, it does not look at the type again, and `rpm -i` crashes.

use crate::fault::Section;
use crate::value::{Class, ValueType};

/// Whether a value of the tag may have this type. Tags that nobody knows may have any.
pub fn allows(section: Section, tag: u32, kind: ValueType) -> bool {
    match section {
        Section::Signature => signature_type(tag).is_none_or(|known| known == kind),
        Section::Main => match main_types(tag) {
            Some(Types::One(known)) => known == kind,
            Some(Types::Texts) => kind.class() == Class::Text,
            None => true,
        },
    }
}

/// What is known of a tag.
enum Types {
    One(ValueType),
    Texts,
}

/// `rpm -K` takes other types of those that it does not check, `rpm -i` does not.
fn signature_type(tag: u32) -> Option<ValueType> {
    Some(match tag {
        267 | 268 | 1002 | 1004 | 1005 => ValueType::Binary,
        269 | 273 | 279 => ValueType::String,
        270 | 271 => ValueType::Int64,
        274 | 276 | 278 => ValueType::StringArray,
        275 | 277 | 1000 | 1007 => ValueType::Int32,
        _ => return None,
    })
}

fn main_types(tag: u32) -> Option<Types> {
    let has = |tags: &[u32]| tags.binary_search(&tag).is_ok();
    let one =
        [(INT32, ValueType::Int32), (INT16, ValueType::Int16), (INT64, ValueType::Int64), (CHAR, ValueType::Char)];
    let more = [(LISTS, ValueType::StringArray), (BINARY, ValueType::Binary)];
    let found = one.into_iter().chain(more).find(|(tags, _)| has(tags)).map(|(_, kind)| Types::One(kind));
    found.or_else(|| has(TEXTS).then_some(Types::Texts))
}

/// States of installed files.
#[rustfmt::skip]
const CHAR: &[u32] = &[
    1029,
];

/// Modes and devices.
#[rustfmt::skip]
const INT16: &[u32] = &[
    1030, 1033,
];

/// Numbers of 32 bits.
#[rustfmt::skip]
const INT32: &[u32] = &[
    1003, 1006, 1008, 1009, 1028, 1034, 1037, 1045, 1046, 1048, 1051, 1052, 1053, 1068, 1069, 1080, 1095, 1096,
    1106, 1112, 1114, 1116, 1119, 1127, 1128, 1129, 1134, 1140, 1141, 1143, 1144, 1145, 1158, 1161, 1195, 5011,
    5017, 5018, 5019, 5020, 5021, 5022, 5023, 5024, 5025, 5026, 5027, 5032, 5033, 5037, 5045, 5048, 5051, 5054,
    5057, 5068, 5070, 5072, 5078, 5080, 5082, 5084, 5085, 5091, 5093, 5107, 5108, 5114, 5115, 5119,
];

/// Numbers of 64 bits.
#[rustfmt::skip]
const INT64: &[u32] = &[
    5008, 5009, 5112, 5113,
];

/// Bytes.
#[rustfmt::skip]
const BINARY: &[u32] = &[
    1012, 1013, 1043, 1146,
];

/// Texts that must be a list: `rpm -i` crashes otherwise, or finds the digest of the payload bad.
#[rustfmt::skip]
const LISTS: &[u32] = &[
    1039, 1040, 1047, 1049, 1050, 1098, 1113, 1117, 1118, 5092,
];

/// Texts of any type.
#[rustfmt::skip]
const TEXTS: &[u32] = &[
    100, 1000, 1001, 1002, 1004, 1005, 1007, 1010, 1011, 1014, 1015, 1016, 1018, 1019, 1020, 1021, 1022, 1023,
    1024, 1025, 1026, 1027, 1035, 1036, 1044, 1054, 1055, 1059, 1060, 1061, 1062, 1064, 1065, 1066, 1067, 1079,
    1081, 1082, 1085, 1086, 1087, 1088, 1089, 1090, 1091, 1092, 1094, 1097, 1099, 1115, 1120, 1121, 1122,
    1123, 1124, 1125, 1126, 1132, 1133, 1135, 1142, 1147, 1148, 1149, 1150, 1151, 1152, 1153, 1154, 1155, 1156,
    1157, 1159, 1160, 1196, 5000, 5001, 5002, 5005, 5006, 5007, 5010, 5012, 5013, 5014, 5015, 5016, 5030, 5031,
    5034, 5035, 5036, 5040, 5041, 5042, 5043, 5044, 5046, 5047, 5049, 5050, 5052, 5053, 5055, 5056, 5058, 5059,
    5060, 5061, 5062, 5066, 5067, 5069, 5071, 5076, 5077, 5079, 5081, 5086, 5087, 5088, 5089, 5090, 5096, 5097,
    5098, 5099, 5100, 5101, 5103, 5104, 5105, 5106, 5109, 5116, 5117, 5118, 5120, 5121, 5122, 5123, 5124,
];
