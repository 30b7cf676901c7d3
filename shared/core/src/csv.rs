//! CSV for spreadsheets: nothing in it is taken for a formula.

/// Writes a row of CSV (RFC 4180). A cell that a spreadsheet would take for a formula begins with an apostrophe.
pub fn row(cells: &[String], out: &mut String) {
    for (no, cell) in cells.iter().enumerate() {
        if no > 0 {
            out.push(',');
        }
        let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        if formula || cell.contains([',', '"', '\n', '\r', ';']) {
            out.push('"');
            if formula {
                out.push('\'');
            }
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(cell);
        }
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cell: &str, expected: &str) {
        let mut out = String::new();
        row(&[cell.to_owned(), "b".to_owned()], &mut out);
        assert_eq!(out, format!("{expected},b\r\n"));
    }

    #[test]
    fn a_plain_cell_stays_plain() {
        check("INBOX", "INBOX");
    }

    #[test]
    fn a_formula_is_no_formula_any_more() {
        check("=cmd()", "\"'=cmd()\"");
        check("@SUM(A1)", "\"'@SUM(A1)\"");
        check("-1", "\"'-1\"");
    }

    #[test]
    fn quotes_and_line_ends_stay_in_their_cell() {
        check("a \"b\"\nc", "\"a \"\"b\"\"\nc\"");
    }
}
