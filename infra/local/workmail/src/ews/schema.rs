//! Checks requests against the table of what `Exchange2010_SP2` allows: names, order, occurrence and plain values.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use crate::clock;
use crate::xml::{Element, Ns};

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("exchange2010_sp2.txt")));

type Name = (Ns, String);

#[derive(Debug, Clone)]
enum Kind {
    Complex(String),
    Enumeration(String),
    Plain(String),
}

#[derive(Debug)]
struct Particle {
    options: Vec<(Name, Kind)>,
    least: usize,
    most: usize,
}

#[derive(Debug, Default)]
struct Type {
    base: Option<String>,
    value: Option<Kind>,
    particles: Vec<Particle>,
    attributes: Vec<(String, Kind, bool)>,
}

#[derive(Debug, Default)]
struct Table {
    roots: HashMap<(&'static str, Name), Kind>,
    types: HashMap<String, Type>,
    enumerations: HashMap<String, HashSet<String>>,
}

/// Says why a request is not valid; the text names the element.
pub(super) fn check(part: &'static str, element: &Element) -> Result<(), String> {
    match TABLE.roots.get(&(part, (element.ns, element.name.clone()))) {
        Some(kind) => TABLE.element(element, kind),
        None => Err(format!("The element '{}' is not known in the {part}.", element.label())),
    }
}

/// Says whether a response code is one of the schema.
pub fn is_known_code(code: &str) -> bool {
    TABLE.enumerations.get("ResponseCodeType").is_some_and(|codes| codes.contains(code))
}

impl Table {
    fn element(&self, element: &Element, kind: &Kind) -> Result<(), String> {
        let Kind::Complex(name) = kind else {
            if let Some(child) = element.children.first() {
                return Err(invalid_child(element, child));
            }
            return match kind {
                Kind::Plain(plain) if plain == "any" => Ok(()),
                _ => self
                    .value(&element.text, kind)
                    .map_err(|why| format!("The '{}' element is invalid: {why}", element.label())),
            };
        };
        let found = self.types.get(name).ok_or_else(|| format!("type {name} is missing"))?;
        self.attributes(element, found)?;
        if let Some(value) = &found.value {
            if let Some(child) = element.children.first() {
                return Err(invalid_child(element, child));
            }
            return self.value(&element.text, value);
        }
        if !element.text.trim().is_empty() {
            return Err(format!("The element '{}' cannot contain text.", element.label()));
        }
        let base = found.base.as_ref().and_then(|b| self.types.get(b));
        let particles = base.iter().flat_map(|b| &b.particles).chain(&found.particles);
        self.sequence(element, particles)
    }

    fn sequence<'a>(&self, element: &Element, particles: impl Iterator<Item = &'a Particle>) -> Result<(), String> {
        let mut children = element.children.iter().peekable();
        for particle in particles {
            let mut seen = 0_usize;
            while let Some(child) = children.peek() {
                let option = particle.options.iter().find(|((ns, name), _)| *ns == child.ns && *name == child.name);
                let Some((_, kind)) = option.filter(|_| seen < particle.most) else {
                    break;
                };
                if !matches!(kind, Kind::Plain(plain) if plain == "any") {
                    self.element(child, kind)?;
                }
                children.next();
                seen = seen.saturating_add(1);
            }
            if seen < particle.least {
                let wanted: Vec<_> =
                    particle.options.iter().take(3).map(|((ns, n), _)| format!("{}:{n}", ns.prefix())).collect();
                return Err(format!(
                    "The element '{}' has {}. List of possible elements expected: '{}'.",
                    element.label(),
                    children.peek().map_or_else(
                        || "incomplete content".to_owned(),
                        |c| format!("invalid child element '{}'", c.label())
                    ),
                    wanted.join(", ")
                ));
            }
        }
        children.next().map_or(Ok(()), |child| Err(invalid_child(element, child)))
    }

    fn attributes(&self, element: &Element, found: &Type) -> Result<(), String> {
        let of = |message: String| format!("The element '{}': {message}", element.label());
        for (name, value) in &element.attributes {
            let known = found.attributes.iter().find(|(n, _, _)| n == name);
            let Some((_, kind, _)) = known else {
                return Err(of(format!("the '{name}' attribute is not declared.")));
            };
            self.value(value, kind).map_err(|why| of(format!("the '{name}' attribute is invalid: {why}")))?;
        }
        for (name, _, required) in &found.attributes {
            if *required && element.attribute(name).is_none() {
                return Err(of(format!("the required attribute '{name}' is missing.")));
            }
        }
        Ok(())
    }

    fn value(&self, text: &str, kind: &Kind) -> Result<(), String> {
        let trimmed = text.trim();
        let good = match kind {
            Kind::Complex(_) => true,
            Kind::Enumeration(name) => self.enumerations.get(name).is_some_and(|values| values.contains(trimmed)),
            Kind::Plain(plain) => match plain.as_str() {
                "bool" => ["true", "false", "1", "0"].contains(&trimmed),
                "int" => trimmed.parse::<i32>().is_ok(),
                "unsignedInt" => trimmed.parse::<u32>().is_ok(),
                "dateTime" => clock::parse(trimmed).is_some(),
                "tag" => super::property::tag_number(trimmed).is_some(),
                "guid" => trimmed.len() == 36 && trimmed.chars().all(|c| c == '-' || c.is_ascii_hexdigit()),
                "nonempty" => !text.is_empty(),
                "duration" => trimmed.trim_start_matches('-').starts_with('P'),
                _ => true,
            },
        };
        if good {
            Ok(())
        } else {
            let shown: String = trimmed.chars().take(60).collect();
            Err(format!("the value '{shown}' is invalid according to its datatype."))
        }
    }

    fn read(text: &str) -> Self {
        let mut table = Self::default();
        let mut aliases: HashMap<&str, &str> = HashMap::new();
        for line in text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()) {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            match word {
                "alias" => {
                    aliases.insert(name, rest);
                }
                "body" | "header" => {
                    if let Some((name, kind)) = named(name) {
                        table.roots.insert((if word == "body" { "body" } else { "header" }, name), kind);
                    }
                }
                "type" => {
                    table.types.insert(name.to_owned(), type_of(rest, &aliases));
                }
                _ => {
                    table.enumerations.insert(name.to_owned(), rest.split(' ').map(str::to_owned).collect());
                }
            }
        }
        table
    }
}

fn type_of(rest: &str, aliases: &HashMap<&str, &str>) -> Type {
    let mut found = Type::default();
    let mut words = rest.split(' ').filter(|w| !w.is_empty());
    while let Some(word) = words.next() {
        match word {
            "=" => found.value = words.next().map(kind),
            "<" => found.base = words.next().map(str::to_owned),
            _ => match word.strip_prefix('@') {
                Some(attribute) => {
                    let (name, of) = attribute.split_once('=').unwrap_or((attribute, "string"));
                    found.attributes.push((name.trim_end_matches('!').to_owned(), kind(of), name.ends_with('!')));
                }
                None => found.particles.push(particle(word, aliases)),
            },
        }
    }
    found
}

fn particle(word: &str, aliases: &HashMap<&str, &str>) -> Particle {
    let (body, least, most) = match word.char_indices().last() {
        Some((at, '?')) => (word.get(..at), 0, 1),
        Some((at, '*')) => (word.get(..at), 0, usize::MAX),
        Some((at, '+')) => (word.get(..at), 1, usize::MAX),
        _ => (Some(word), 1, 1),
    };
    let body = body.unwrap_or(word);
    let body = body.strip_prefix('$').and_then(|name| aliases.get(name).copied()).unwrap_or(body);
    Particle { options: body.split('|').filter_map(named).collect(), least, most }
}

fn named(word: &str) -> Option<(Name, Kind)> {
    let (name, of) = word.split_once('=')?;
    let (prefix, local) = name.split_once(':')?;
    let ns = if prefix == "m" { Ns::Messages } else { Ns::Types };
    Some(((ns, local.to_owned()), kind(of)))
}

fn kind(text: &str) -> Kind {
    match (text.strip_prefix('#'), text.strip_prefix('%')) {
        (Some(name), _) => Kind::Complex(name.to_owned()),
        (_, Some(name)) => Kind::Enumeration(name.to_owned()),
        _ => Kind::Plain(text.to_owned()),
    }
}

fn invalid_child(element: &Element, child: &Element) -> String {
    format!("The element '{}' has invalid child element '{}'.", element.label(), child.label())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(inner: &str) -> Result<(), String> {
        let xml = format!(
            "<r xmlns:m='http://schemas.microsoft.com/exchange/services/2006/messages' \
             xmlns:t='http://schemas.microsoft.com/exchange/services/2006/types'>{inner}</r>"
        );
        let root = crate::xml::parse(xml.as_bytes()).unwrap();
        check("body", root.children.first().unwrap())
    }

    fn create(inside: &str) -> Result<(), String> {
        verdict(&format!(
            "<m:CreateItem MessageDisposition='SaveOnly'><m:Items><t:Message>{inside}</t:Message></m:Items></m:CreateItem>"
        ))
    }

    #[test]
    fn the_table_has_no_hole() {
        assert!(TABLE.types.len() > 60 && TABLE.roots.len() > 10);
        let kinds = TABLE.types.values().flat_map(|t| {
            let inside = t.particles.iter().flat_map(|p| p.options.iter().map(|(_, k)| k));
            inside.chain(t.attributes.iter().map(|(_, k, _)| k)).chain(t.value.iter())
        });
        for kind in kinds {
            match kind {
                Kind::Complex(name) => assert!(TABLE.types.contains_key(name), "{name}"),
                Kind::Enumeration(name) => assert!(TABLE.enumerations.contains_key(name), "{name}"),
                Kind::Plain(_) => {}
            }
        }
        assert!(is_known_code("ErrorServerBusy") && !is_known_code("ErrorMoonPhase"));
    }

    #[test]
    fn order_is_enforced() {
        assert_eq!(create("<t:MimeContent>QQ==</t:MimeContent><t:Subject>a</t:Subject><t:IsRead>1</t:IsRead>"), Ok(()));
        assert!(create("<t:Subject>a</t:Subject><t:MimeContent>QQ==</t:MimeContent>").is_err());
        assert!(create("<t:IsRead>true</t:IsRead><t:Subject>a</t:Subject>").is_err());
    }

    #[test]
    fn unknown_elements_attributes_and_values_are_refused() {
        assert!(create("<t:Colour>blue</t:Colour>").unwrap_err().contains("t:Colour"));
        assert!(create("<m:Subject>a</m:Subject>").is_err());
        assert!(create("<t:IsRead>yes</t:IsRead>").is_err());
        assert!(create("<t:Flag/>").is_err());
        assert!(verdict("<m:CreateItem Colour='blue'><m:Items><t:Message/></m:Items></m:CreateItem>").is_err());
        assert!(
            verdict("<m:CreateItem MessageDisposition='Keep'><m:Items><t:Message/></m:Items></m:CreateItem>").is_err()
        );
        assert!(verdict("<m:CreateFolderPath/>").is_err());
        assert!(verdict("<m:CreateItem/>").is_err());
        assert!(create("text").is_err());
    }

    #[test]
    fn decimal_tags_are_accepted_and_wrong_ones_are_not() {
        let with = |tag: &str| {
            create(&format!(
                "<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag='{tag}' PropertyType='Integer'/><t:Value>1</t:Value></t:ExtendedProperty>"
            ))
        };
        assert_eq!((with("0x0E07"), with("3591"), with("0xe07")), (Ok(()), Ok(()), Ok(())));
        assert!(with("0x0E07F").is_err() && with("65536").is_err() && with("E07").is_err());
    }
}
