//! Facts need hardly any memory besides the message.

/// Returns the most memory that this process had in use, in KiB; nothing where the system does not tell.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok())
}

#[test]
fn a_mail_of_32_mb_is_not_copied() {
    let mut raw = b"Subject: large\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: a/b\n\
        Content-Transfer-Encoding: base64\n\n"
        .to_vec();
    raw.resize_with(32 << 20, || b'Q');
    let before = peak();
    assert!(mailcrane_mime::facts(&raw).largest_attachment > 23_000_000);
    if let (Some(before), Some(after)) = (before, peak()) {
        assert!(after - before < 4 * 1024, "{} KiB more", after - before);
    }
}
