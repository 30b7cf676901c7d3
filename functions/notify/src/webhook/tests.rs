use super::*;

#[test]
fn a_signature_is_what_everybody_computes() {
    // printf '1767225600.{"v":1}' | openssl dgst -sha256 -hmac abc
    let signed = signature(&Secret::new("abc"), 1_767_225_600, "{\"v\":1}");
    assert_eq!(signed, "t=1767225600,v1=9fe417b293b0355ea1c28414fbc8d8be8b3c1681d3a3b9c28ba6009df6006499");
}
