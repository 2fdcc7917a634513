//! Packages with headers of every kind: most of what is in them is good, and in half of them something is not.

use rws_lab::rpm::{Package, Value, header, statements};

use super::numbers::Numbers;

/// Tags of which each file has an element.
const EACH_FILE: [u32; 16] =
    [1028, 1030, 1033, 1034, 1035, 1036, 1037, 1039, 1040, 1045, 1095, 1096, 1097, 1116, 1117, 5008];

/// Names, flags and versions of all lists of dependencies; the last two are of SuSE before rpm 4.12.
const LISTS: [[u32; 3]; 10] = [
    [1047, 1112, 1113],
    [1049, 1048, 1050],
    [1054, 1053, 1055],
    [1090, 1114, 1115],
    [5046, 5048, 5047],
    [5049, 5051, 5050],
    [5052, 5054, 5053],
    [5055, 5057, 5056],
    [1156, 1158, 1157],
    [1159, 1161, 1160],
];

/// Good in most places, odd in others.
#[rustfmt::skip]
const TEXTS: [&[u8]; 40] = [
    b"text", b"Two lines\nof text", "P\u{159}elou\u{10d} \u{1f600}".as_bytes(), b"\xe9t\xe9", b"\x93quoted\x94", b"\xff\xfe", b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xc3", b"a\x01b", b"\x1b[31mred\x1b[0m", b"\x7f", b"\xc2\x85", b"\xc2\xa0", b"\xe2\x80\xa8",
    b"\xef\xbf\xbe", b"\xef\xbf\xbf", b"\xef\xbb\xbfmark", b"\xf0\x9f\xbf\xbf", b"", b" ", b"\n", b"\t", b"\r\n", b"a\rb", b"  blanks around  ",
    b"]]>", b"<b>&amp;\"'</b>", b"<!-- -- -->", b"<![CDATA[", b"&#1;", b"%{name}", b"${HOME}", b"\\n", b"`id`", b"a;b|c", b"=== ---",
    b"(none)", b"https://example.invalid/?a=1&b=2",
];

/// See [`Generated::has_no_real_utf8`].
const NO_REAL_UTF8: [&[u8]; 5] = [b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbf\xbe", b"\xef\xbf\xbf"];

/// What a name, a version or a release may have at its end.
#[rustfmt::skip]
const ODD_PARTS: [&[u8]; 52] = [
    b":", b"/", b" ", b"-", b"~", b"^", b"+", b"%", b"_", b".", b"..", b"#", b"?", b"@", b"*", b"!", b"\"", b"'", b"&", b"<", b">", b"=", b"(", b")",
    b"[", b"]", b"{", b"}", b"\\", b",", b";", b"|", b"$", b"\t", b"\n", b"\r", b"\x01", b"\x1b", b"\x7f", b"\xc3\xa9", b"\xe9", b"\xc2\x85",
    b"\xc2\xa0", b"\xe2\x80\x8b", b"\xe2\x80\xa8", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"\xef\xbf\xbe", b"\xf0\x9f\x98\x80", b"-1-2", b"1:", b"%7e",
];

#[rustfmt::skip]
const VERSIONS: [&[u8]; 18] = [
    b"1.0", b"1", b"0", b"1.0~rc1", b"1.0^git5", b"2.00", b"20260101", b"1.0.el9_2", b"1+b", b"1.", b"..", b"~", b"^", b"~~^^", b"a", b"A.b_c", b"00", b"1%",
];

#[rustfmt::skip]
const ARCHITECTURES: [&[u8]; 22] = [
    b"x86_64", b"noarch", b"i686", b"aarch64", b"x86_64_v2", b"armv7hl", b"ppc64le", b"s390x", b"riscv64", b"src", b"nosrc", b"weird", b"all", b"any",
    b"", b"a b", b"a-b", b"a.b", b"(none)", b"X86_64", b"\xc3\xa9", b"a:b",
];

#[rustfmt::skip]
const NAMES: [&[u8]; 50] = [
    b"foo", b"bar-libs", b"libc.so.6", b"libc.so.6()(64bit)", b"libc.so.6(GLIBC_2.4)(64bit)", b"libc.so.6(GLIBC_2.34)(64bit)", b"libc.so.6(",
    b"/bin/sh", b"/usr/bin/x", b"/usr/share/x y", b"/", b"rpmlib(CompressedFileNames)", b"rpmlib(Unknown)", b"config(foo)", b"pkgconfig(x)",
    b"font(:lang=de)", b"x(\xc3\xa9)", b"\xe9", b"a b", b"a:b", b"a-1-2", b"foo = 1", b"=1", b"<", b"a,b", b"(a and b)", b"(a or b or c)",
    b"(a if b else c)", b"(a unless b)", b"(a with b)", b"(a >= 1.0 and b < 2:3-4)", b"((a and b) or (c and d))", b"(a", b"a)", b"()", b"(a b)", b"(a and",
    b"(a and b) ", b" (a and b)", b"(a and b or c)", b"(if if or)", b"", b" ", b"\t", b"\x01", b"a\nb", b"solvable:name", b"pattern:x", b"product(x)",
    b"modalias(pci:*)",
];

/// Those that rpm may have in any list.
#[rustfmt::skip]
const GOOD_NAMES: [&[u8]; 16] = [
    b"foo", b"bar-libs", b"libc.so.6()(64bit)", b"libc.so.6(GLIBC_2.4)(64bit)", b"libc.so.6(GLIBC_2.34)(64bit)", b"/bin/sh", b"/usr/bin/x0",
    b"rpmlib(CompressedFileNames)", b"config(foo)", b"pkgconfig(x)", b"font(:lang=de)", b"x(\xc3\xa9)", b"a b", b"a:b", b"a-1-2", b"",
];

/// Pieces of a rich dependency.
#[rustfmt::skip]
const PIECES: [&[u8]; 30] = [
    b"(", b")", b"(", b")", b" ", b" ", b" ", b"a", b"b(x)", b"/c", b"and", b"or", b"if", b"else", b"unless", b"with", b"without", b"<", b">=", b"==", b"=<",
    b"1.0", b"1:2-3", b"-", b",", b"\t", b"\n", b"_", b"\xc3\xa9", b"%",
];

/// The comparisons, and bits that rpm gives a meaning: PREREQ, scripts, MISSINGOK, RPMLIB, … to nonsense.
#[rustfmt::skip]
const FLAGS: [u32; 24] = [
    0, 8, 8, 2, 4, 10, 12, 6, 14, 15, 1, 1 << 5, 1 << 6, 1 << 7, 1 << 8, 1 << 9 | 12, 1 << 10 | 8, 1 << 14, 1 << 19, 1 << 19 | 8, 1 << 24 | 10, 1 << 27, 1 << 31,
    u32::MAX,
];

#[rustfmt::skip]
const DEPENDENCY_VERSIONS: [&[u8]; 28] = [
    b"", b"", b"1", b"1.0-2", b"1:1.0-2", b"0:1", b"1~rc", b"1^g", b"a:1", b":1", b"1:", b":", b"-", b"1-", b"-1", b"1-2-3", b"1:2:3", b" 1", b"1 ", b"\xc3\xa9", b"\xe9",
    b"+1:1", b"-1:1", b"99999999999999999999:1", b"4294967296:1", b"\x01", b"<1>", b"1 2",
];

#[rustfmt::skip]
const DIRECTORIES: [&[u8]; 22] = [
    b"/usr/bin/", b"/etc/", b"/usr/share/", b"/usr/lib/", b"/", b"/usr/share/x y/", b"/\xc3\xa9/", b"/\xe9/", b"//x//", b"/../", b"/./", b"/no-slash", b"/a\nb/", b"/\x01/",
    b"/<&>/", b"/usr/lib/.build-id/", b"relative/", b"", b"./", b"/*?/", b"/opt/cabin/", b"/ /",
];

#[rustfmt::skip]
const BASES: [&[u8]; 22] = [
    b"x", b"sendmail", b"x.conf", b"a b", b"", b".", b"..", b"a/b", b"/a", b"\xc3\xa9", b"\xe9", b"\n", b"\x01", b"\xef\xbf\xbe", b"<&>\"'", b"*", b"#", b"%", b"-", b"~", b"\\", b" ",
];

#[rustfmt::skip]
const MODES: [u16; 14] = [
    0o100_644, 0o100_755, 0o104_755, 0o040_755, 0o040_000, 0o120_777, 0o020_666, 0o060_660, 0o010_644, 0o140_755, 0, 0o644, 0o170_000, 0xffff,
];

/// CONFIG, DOC, MISSINGOK, NOREPLACE, SPECFILE, GHOST, LICENSE, ARTIFACT, …
const FILE_FLAGS: [u32; 14] = [0, 0, 1, 2, 8, 1 | 16, 32, 64, 65, 128, 1 << 12, 1 << 13, 1 << 16, u32::MAX];

const NUMBERS: [u32; 10] = [0, 1, 2, 7, 1_600_000_000, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff, 4096];

/// A package, and the tags of its main header.
pub struct Generated {
    pub bytes: Vec<u8>,
    pub main: Vec<(u32, Value)>,
    /// Whether rpm 6 installs such packages at all: it wants a region, and SHA-256 of header and payload.
    pub is_for_rpm_6: bool,
}

impl Generated {
    /// How many elements a tag has that stands there once.
    pub fn count(&self, tag: u32) -> usize {
        self.main.iter().find(|(number, _)| *number == tag).map_or(0, |(_, value)| value.count())
    }

    fn any_text(&self, has: impl Fn(&[u8]) -> bool) -> bool {
        self.main.iter().any(|(_, value)| match value {
            Value::Text(text) => has(text),
            Value::Texts(texts) | Value::Translations(texts) => texts.iter().any(|text| has(text)),
            _ => false,
        })
    }

    /// Whether a text has control characters, whether anybody shows it or not.
    pub fn has_control_characters(&self) -> bool {
        let is_control = |byte: &u8| (1..32).contains(byte) && !b"\t\n\r".contains(byte);
        self.any_text(|text| text.iter().any(is_control))
    }

    /// Whether a text has bytes that are UTF-8 to libxml2, as `createrepo_c` asks it, and to nobody else, or characters that
    /// XML does not have.
    pub fn has_no_real_utf8(&self) -> bool {
        self.any_text(|text| NO_REAL_UTF8.iter().any(|odd| text.windows(odd.len()).any(|part| part == *odd)))
    }

    /// Whether an entry of the changelog is of 2038 or later.
    pub fn has_late_changelog(&self) -> bool {
        let is_late = |number: &u32| i32::try_from(*number).is_err();
        self.main
            .iter()
            .any(|(tag, value)| *tag == 1080 && matches!(value, Value::Numbers(times) if times.iter().any(is_late)))
    }

    /// The main header for a person.
    pub fn shown(&self) -> String {
        self.main.iter().map(|(tag, value)| format!("{tag} {value}\n")).collect()
    }
}

/// What is odd in a package, apart from its texts, which are in every one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Oddity {
    Nothing,
    Identity,
    Dependencies,
    Files,
    Tags,
    Order,
    Signature,
}

impl Oddity {
    const ALL: [Self; 10] = [
        Self::Nothing,
        Self::Nothing,
        Self::Nothing,
        Self::Identity,
        Self::Dependencies,
        Self::Dependencies,
        Self::Files,
        Self::Tags,
        Self::Order,
        Self::Signature,
    ];
}

/// The package of a number: its name has the number in it, so that no two packages are the same.
pub fn package(number: usize, numbers: &mut Numbers) -> Generated {
    let oddities =
        [numbers.choose(&Oddity::ALL), if numbers.once_in(3) { numbers.choose(&Oddity::ALL) } else { Oddity::Nothing }];
    let is = |oddity| oddities.contains(&oddity);
    let mut main = identity(number, is(Oddity::Identity), numbers);
    main.extend(texts(numbers));
    main.extend(dependencies(number, is(Oddity::Dependencies), numbers));
    main.extend(files(is(Oddity::Files), numbers));
    main.extend(changelog(numbers));
    let payload = b"no archive: what is installed is only noted down".to_vec();
    let digest = rws_model::sha256(&payload).hex().to_string().into_bytes();
    main.extend([(5092, Value::Texts(vec![digest])), (5093, Value::Numbers(vec![8]))]);
    main.sort_by_key(|(tag, _)| *tag);
    if is(Oddity::Tags) {
        for _ in 0..=numbers.below(2) {
            spoil(&mut main, numbers);
        }
    }
    let is_mixed = is(Oddity::Order) && numbers.once_in(3);
    if !is_mixed {
        main.sort_by_key(|(tag, _)| *tag);
    }
    let region = (!(is(Oddity::Order) && numbers.once_in(2))).then_some(63);
    let package = Package { main, region, payload };
    let tags = if is(Oddity::Signature) { odd_statements(&package, numbers) } else { statements(&package) };
    let signature_region = (!(is(Oddity::Signature) && numbers.once_in(8))).then_some(62);
    let bytes = package.assemble(header(signature_region, &tags));
    let has = |tags: &[(u32, Value)], wanted| tags.iter().any(|(tag, _)| *tag == wanted);
    let is_for_rpm_6 = region.is_some() && has(&tags, 273) && has(&package.main, 5092);
    Generated { bytes, main: package.main, is_for_rpm_6 }
}

fn odd(text: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    if !numbers.once_in(3) {
        return text.to_vec();
    }
    let part = numbers.choose(&ODD_PARTS);
    match numbers.below(3) {
        0 => [part, text].concat(),
        1 => [text, part].concat(),
        _ => [text, part, b"1"].concat(),
    }
}

fn identity(number: usize, is_odd: bool, numbers: &mut Numbers) -> Vec<(u32, Value)> {
    let odd = |text: &[u8], numbers: &mut Numbers| if is_odd { odd(text, numbers) } else { text.to_vec() };
    let name =
        if is_odd && numbers.once_in(40) { b"gpg-pubkey".to_vec() } else { format!("case{number}").into_bytes() };
    let version = numbers.choose(&VERSIONS);
    let release = if numbers.once_in(3) { numbers.choose(&VERSIONS) } else { b"1" };
    let some = numbers.below(4);
    let architecture = if is_odd && numbers.once_in(2) { numbers.choose(&ARCHITECTURES) } else { ARCHITECTURES[some] };
    let mut tags = vec![
        (1000, Value::Text(odd(&name, numbers))),
        (1001, Value::Text(odd(version, numbers))),
        (1002, Value::Text(odd(release, numbers))),
        (1006, Value::Numbers(vec![numbers.choose(&NUMBERS)])),
        (1009, Value::Numbers(vec![numbers.choose(&NUMBERS)])),
        (
            1021,
            Value::Text(if is_odd && numbers.once_in(8) { numbers.choose(&TEXTS).to_vec() } else { b"linux".to_vec() }),
        ),
        (1022, Value::Text(architecture.to_vec())),
        (1124, Value::Text(b"cpio".to_vec())),
    ];
    if numbers.once_in(3) {
        tags.push((1003, Value::Numbers(vec![numbers.choose(&NUMBERS)])));
    }
    if numbers.once_in(8) {
        tags.push((1106, Value::Numbers(vec![if is_odd { numbers.choose(&[1, 0, 2]) } else { 1 }])));
    }
    if tags.last().is_none_or(|(tag, _)| *tag != 1106) || is_odd {
        let source = if numbers.once_in(8) { numbers.choose(&TEXTS).to_vec() } else { b"case-1.0-1.src.rpm".to_vec() };
        tags.push((1044, Value::Text(source)));
    }
    tags
}

/// Summary, description, build host, vendor, licence, packager, group, URL.
fn texts(numbers: &mut Numbers) -> Vec<(u32, Value)> {
    let mut tags = Vec::new();
    for tag in [1004, 1005, 1007, 1011, 1014, 1015, 1016, 1020, 1064, 1125, 1126] {
        if numbers.once_in(6) {
            continue;
        }
        let mut text = numbers.choose(&TEXTS).to_vec();
        if numbers.once_in(4) {
            text.extend_from_slice(numbers.choose(&TEXTS));
        }
        if numbers.once_in(60) {
            text = text.repeat(4000);
        }
        let is_translated = [1004, 1005, 1016].contains(&tag) && numbers.once_in(2);
        tags.push(if is_translated {
            let more = numbers.several(2, |numbers| numbers.choose(&TEXTS).to_vec());
            (tag, Value::Translations([vec![text], more].concat()))
        } else {
            (tag, Value::Text(text))
        });
    }
    if numbers.once_in(2) {
        tags.push((100, Value::Texts(vec![b"C".to_vec(), b"de".to_vec()])));
    }
    tags
}

fn dependency_name(is_odd: bool, numbers: &mut Numbers) -> Vec<u8> {
    match numbers.below(8) {
        _ if !is_odd => numbers.choose(&GOOD_NAMES).to_vec(),
        0 => [b"(".to_vec(), numbers.several(8, |numbers| numbers.choose(&PIECES)).concat()].concat(),
        1 => {
            let (left, right) = (numbers.choose(&NAMES), numbers.choose(&NAMES));
            let operator = numbers.choose(&[&b"and"[..], b"or", b"if", b"unless", b"with", b"without", b"xor", b"AND"]);
            [b"(", left, b" ", operator, b" ", right, b")"].concat()
        }
        _ => numbers.choose(&NAMES).to_vec(),
    }
}

fn dependencies(number: usize, is_odd: bool, numbers: &mut Numbers) -> Vec<(u32, Value)> {
    let mut tags = Vec::new();
    for (place, [names, flags, versions]) in LISTS.into_iter().enumerate() {
        // what old tags say is for old packages
        if !(numbers.once_in(3) || place < 2 && numbers.once_in(2)) || place > 7 && !numbers.once_in(4) {
            continue;
        }
        let mut list: Vec<(Vec<u8>, u32, Vec<u8>)> = numbers.several(5, |numbers| {
            let name = dependency_name(is_odd, numbers);
            (name, numbers.choose(&FLAGS), numbers.choose(&DEPENDENCY_VERSIONS).to_vec())
        });
        if place == 0 && !numbers.once_in(4) {
            list.push((format!("case{number}").into_bytes(), 8, b"1.0-1".to_vec()));
        }
        if !list.is_empty() && numbers.once_in(3) {
            list.push(list[0].clone());
        }
        if list.is_empty() {
            continue;
        }
        tags.push((names, Value::Texts(list.iter().map(|(name, ..)| name.clone()).collect())));
        tags.push((flags, Value::Numbers(list.iter().map(|(_, flags, _)| *flags).collect())));
        tags.push((versions, Value::Texts(list.iter().map(|(.., version)| version.clone()).collect())));
    }
    tags
}

/// Lists of files as rpm writes them, split or (format 3) whole, or both.
fn files(is_odd: bool, numbers: &mut Numbers) -> Vec<(u32, Value)> {
    let reach = |all: usize| if is_odd { all } else { 4 };
    let directories = 1 + numbers.below(3);
    let mut directories: Vec<_> =
        (0..directories).map(|_| DIRECTORIES[numbers.below(reach(DIRECTORIES.len()))].to_vec()).collect();
    let count = numbers.below(6);
    let mut list: Vec<(usize, Vec<u8>)> = Vec::new();
    for place in 0..count {
        let base = BASES[numbers.below(reach(BASES.len()))];
        // most of them have names of their own
        let base = if numbers.once_in(10) { base.to_vec() } else { [base, place.to_string().as_bytes()].concat() };
        list.push((numbers.below(directories.len()), base));
    }
    list.sort();
    if !is_odd {
        // no more directories than files need
        let used: Vec<usize> =
            (0..directories.len()).filter(|place| list.iter().any(|(used, _)| used == place)).collect();
        let place_of = |place: &usize| used.iter().position(|used| used == place).unwrap_or_default();
        list.iter_mut().for_each(|(place, _)| *place = place_of(place));
        directories = used.iter().map(|place| directories[*place].clone()).collect();
    }
    let whole: Vec<_> = list.iter().map(|(place, base)| [directories[*place].clone(), base.clone()].concat()).collect();
    let mut tags = Vec::new();
    if is_odd && numbers.once_in(3) {
        tags.push((1027, Value::Texts(if numbers.once_in(3) { vec![Vec::new()] } else { whole.clone() })));
    }
    if list.is_empty() {
        if is_odd && numbers.once_in(3) {
            tags.push((1118, Value::Texts(directories)));
        }
        tags.retain(|(_, value)| !matches!(value, Value::Texts(texts) if texts.is_empty()));
        return tags;
    }
    if tags.is_empty() || numbers.once_in(2) {
        tags.push((1116, Value::Numbers(list.iter().map(|(place, _)| *place as u32).collect())));
        tags.push((1117, Value::Texts(list.iter().map(|(_, base)| base.clone()).collect())));
        tags.push((1118, Value::Texts(directories)));
    }
    let mut each =
        |make: &mut dyn FnMut(&mut Numbers) -> u32| -> Vec<u32> { list.iter().map(|_| make(numbers)).collect() };
    let sizes = each(&mut |numbers| numbers.below(9999) as u32);
    let modes: Vec<u16> = each(&mut |numbers| u32::from(MODES[numbers.below(if is_odd { MODES.len() } else { 4 })]))
        .into_iter()
        .map(|mode| mode as u16)
        .collect();
    let flags = each(&mut |numbers| FILE_FLAGS[numbers.below(if is_odd { FILE_FLAGS.len() } else { 10 })]);
    let times = each(&mut |numbers| numbers.choose(&NUMBERS));
    let verify = each(&mut |numbers| if is_odd { numbers.choose(&NUMBERS) } else { u32::MAX });
    let is_plain = |mode: &u16| mode & 0o170_000 == 0o100_000;
    let digests = modes.iter().map(|mode| if is_plain(mode) { "ab".repeat(32).into_bytes() } else { Vec::new() });
    let digests: Vec<Vec<u8>> = digests.collect();
    let same = |text: &[u8]| Value::Texts(vec![text.to_vec(); list.len()]);
    tags.extend([
        (1028, Value::Numbers(sizes)),
        (1030, Value::Shorts(modes)),
        (1033, Value::Shorts(vec![0; list.len()])),
        (1034, Value::Numbers(times)),
        (1035, Value::Texts(digests)),
        (1036, same(b"")),
        (1037, Value::Numbers(flags)),
        (1039, same(b"root")),
        (1040, same(b"root")),
        (1045, Value::Numbers(verify)),
        (1095, Value::Numbers(vec![1; list.len()])),
        (1096, Value::Numbers((1..=list.len() as u32).collect())),
        (1097, same(b"")),
        (5011, Value::Numbers(vec![8])),
    ]);
    tags
}

fn changelog(numbers: &mut Numbers) -> Vec<(u32, Value)> {
    let count = if numbers.once_in(2) { 0 } else { numbers.choose(&[1, 2, 3, 12]) };
    if count == 0 {
        return Vec::new();
    }
    let lists = |numbers: &mut Numbers| Value::Texts((0..count).map(|_| numbers.choose(&TEXTS).to_vec()).collect());
    let times = (0..count).map(|_| numbers.choose(&NUMBERS)).collect();
    vec![(1080, Value::Numbers(times)), (1081, lists(numbers)), (1082, lists(numbers))]
}

/// Does to the tags what a broken or another writer would.
fn spoil(tags: &mut Vec<(u32, Value)>, numbers: &mut Numbers) {
    let place = numbers.below(tags.len());
    let each: Vec<usize> = (0..tags.len()).filter(|place| EACH_FILE.contains(&tags[*place].0)).collect();
    match numbers.below(10) {
        0 | 1 => drop(tags.remove(place)),
        2 => tags.insert(place, tags[place].clone()),
        3 => {
            let (tag, other) = (tags[place].0, numbers.below(tags.len()));
            tags.push((tag, tags[other].1.clone()));
        }
        4 => {
            let other = numbers.below(tags.len());
            tags[place].1 = tags[other].1.clone();
        }
        5 => tags[place].1 = any_value(numbers),
        6 | 7 => {
            let tag =
                numbers.choose(&[100, 1000, 1050, 1100, 1150, 5000, 5050, 5100, 256, 9000]) + numbers.below(50) as u32;
            tags.push((tag, any_value(numbers)));
        }
        8 if !each.is_empty() => {
            let place = each[numbers.below(each.len())];
            shorten(&mut tags[place].1);
        }
        _ => shorten(&mut tags[place].1),
    }
}

/// Takes the last element away, where there is another.
fn shorten(value: &mut Value) {
    match value {
        Value::Texts(texts) | Value::Translations(texts) if texts.len() > 1 => drop(texts.pop()),
        Value::Numbers(numbers) if numbers.len() > 1 => drop(numbers.pop()),
        Value::Shorts(numbers) if numbers.len() > 1 => drop(numbers.pop()),
        Value::Numbers(numbers) => numbers.push(0),
        Value::Text(text) => *value = Value::Texts(vec![text.clone(); 2]),
        _ => {}
    }
}

fn any_value(numbers: &mut Numbers) -> Value {
    let texts = |numbers: &mut Numbers| (0..=numbers.below(3)).map(|_| numbers.choose(&TEXTS).to_vec()).collect();
    let any = |numbers: &mut Numbers| u64::from(numbers.choose(&NUMBERS));
    match numbers.below(9) {
        0 => Value::Text(numbers.choose(&TEXTS).to_vec()),
        1 => Value::Texts(texts(numbers)),
        2 => Value::Translations(texts(numbers)),
        3 => Value::Numbers((0..=numbers.below(3)).map(|_| any(numbers) as u32).collect()),
        4 => Value::Shorts((0..=numbers.below(3)).map(|_| any(numbers) as u16).collect()),
        5 => Value::Longs((0..=numbers.below(3)).map(|_| any(numbers)).collect()),
        6 => Value::Bytes(numbers.choose(&TEXTS).to_vec()).or_one(),
        7 => Value::Other { kind: 2, count: 1, alignment: 1, bytes: vec![numbers.below(256) as u8] },
        _ => {
            let kind = numbers.choose(&[0, 1, 4, 6, 7, 8, 9, 10]);
            Value::Other { kind, count: numbers.choose(&[0, 1, 2, 9]), alignment: 1, bytes: b"ab\0c\0".to_vec() }
        }
    }
}

trait OrOne {
    fn or_one(self) -> Self;
}

impl OrOne for Value {
    /// An entry without bytes has an impossible count: one byte instead.
    fn or_one(self) -> Self {
        match self {
            Self::Bytes(bytes) if bytes.is_empty() => Self::Bytes(vec![0]),
            other => other,
        }
    }
}

/// A signature header without some of its tags, or with others.
fn odd_statements(package: &Package, numbers: &mut Numbers) -> Vec<(u32, Value)> {
    let mut tags = statements(package);
    match numbers.below(4) {
        0 | 1 => {
            for _ in 0..=numbers.below(3) {
                tags.remove(numbers.below(tags.len()));
            }
        }
        2 => {
            let tag = numbers
                .choose(&[256, 261, 262, 264, 266, 267, 268, 270, 271, 272, 274, 275, 276, 277, 278, 1005, 1008, 1010]);
            tags.push((tag, any_value(numbers)));
        }
        _ => {
            let place = numbers.below(tags.len());
            tags[place].1 = any_value(numbers);
        }
    }
    tags.sort_by_key(|(tag, _)| *tag);
    if tags.is_empty() {
        tags.push((1007, Value::Numbers(vec![1])));
    }
    tags
}
