//! The tolerant tokenizer of IMAP responses.

use mailcrane_imap::wire::token::{Token, tokenize};

/// Whatever is read, written again in the one safe form and read once more, is the same.
pub fn run(data: &[u8]) {
    let Ok(tokens) = tokenize(data) else { return };
    let mut wire = Vec::new();
    write(&tokens, &mut wire);
    let again = tokenize(&wire).map(|tokens| texts(&tokens));
    assert_eq!(again, Ok(texts(&tokens)));
}

/// Writes every text as a literal.
fn write(tokens: &[Token], wire: &mut Vec<u8>) {
    for token in tokens {
        match token {
            Token::List(entries) => {
                wire.push(b'(');
                write(entries, wire);
                wire.push(b')');
            }
            Token::Atom(text) | Token::Quoted(text) | Token::Literal(text) => {
                wire.extend_from_slice(format!("{{{}}}\r\n", text.len()).as_bytes());
                wire.extend_from_slice(text);
            }
        }
        wire.push(b' ');
    }
}

/// The same tokens without their spelling.
fn texts(tokens: &[Token]) -> Vec<Token> {
    let text = |token: &Token| match token {
        Token::List(entries) => Token::List(texts(entries)),
        Token::Atom(text) | Token::Quoted(text) | Token::Literal(text) => Token::Literal(text.clone()),
    };
    tokens.iter().map(text).collect()
}
