//! The texts as a recipe says them.

use super::{Command, Entries, Entry, Joint, List, Part, Statement};

impl Entries {
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(Entry::text).collect()
    }
}

impl Entry {
    fn text(&self) -> String {
        if self.list.0.is_empty() {
            return "# nothing".to_owned();
        }
        let mut writer = Writer { text: String::new(), documents: Vec::new() };
        writer.list(&self.list);
        writer.write(self.end);
        if !writer.documents.is_empty() {
            writer.write("\n");
        }
        writer.text
    }
}

struct Writer {
    text: String,
    /// Those that begin where the line ends.
    documents: Vec<String>,
}

impl Writer {
    fn write(&mut self, text: &str) {
        for c in text.chars() {
            self.text.push(c);
            if c == '\n' {
                self.documents.drain(..).for_each(|document| self.text.push_str(&document));
            }
        }
    }

    fn list(&mut self, list: &List) {
        for (index, item) in list.0.iter().enumerate() {
            self.statement(&item.statement);
            if index + 1 < list.0.len() {
                self.write(item.separator);
            }
        }
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Function(body) => self.around("f() { ", body, "\n}"),
            Statement::Chain(parts) => parts.iter().enumerate().for_each(|(index, part)| self.part(index, part)),
        }
    }

    fn part(&mut self, index: usize, part: &Part) {
        match part.joined_by {
            _ if index == 0 => {}
            Joint::And => self.write(" && "),
            Joint::Or => self.write(" || "),
        }
        if part.is_negated {
            self.write("! ");
        }
        self.command(&part.command);
    }

    fn around(&mut self, before: &str, list: &List, behind: &str) {
        self.write(before);
        self.list(list);
        self.write(behind);
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::Simple(text, _) | Command::Test(text, _) => self.write(text),
            Command::Document { delimiter, is_quoted } => {
                let quote = if *is_quoted { "'" } else { "" };
                self.write(&format!("cat <<{quote}{delimiter}{quote} >>\"$ROOT/log\""));
                self.documents.push(format!("it's && $((1 + 1)) \\ # <<x\n{delimiter}\n"));
            }
            Command::Group(body, separator) => self.around("{ ", body, &format!("{separator}}}")),
            Command::Subshell(body) => self.around("( ", body, "\n)"),
            Command::If { condition, then, otherwise, separator } => {
                self.write("if ");
                self.statement(condition);
                self.around("; then ", then, separator);
                if let Some(otherwise) = otherwise {
                    self.around("else ", otherwise, separator);
                }
                self.write("fi");
            }
            Command::For { variable, body, separator } => {
                self.around(&format!("for {variable} in 1 2; do "), body, &format!("{separator}done"));
            }
            Command::While { variable, body, separator } => {
                let before = format!("while [ \"${{{variable}:-}}\" != xx ]; do {variable}=x${{{variable}:-}}; ");
                self.around(&before, body, &format!("{separator}done"));
            }
            Command::Case { never, body, separator } => {
                self.write("case a in b) ");
                self.command(never);
                self.around(";; (*) ", body, &format!("{separator}esac"));
            }
            Command::Piped(body, separator) => {
                self.around("{ ", body, &format!("{separator}}} | cat >>\"$ROOT/log\""));
            }
            Command::Reading(body, separator) => {
                let before = "echo piped | while read -r line; do echo \"$line\" >>\"$ROOT/log\"; ";
                self.around(before, body, &format!("{separator}done"));
            }
        }
    }
}
