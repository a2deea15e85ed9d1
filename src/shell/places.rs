//! Where commands end in their text: the parser tells neither where redirections nor where `fi` stands, the tokens do.

use brush_parser::Token;
use brush_parser::ast::{
    Command, CommandPrefixOrSuffixItem, CompoundCommand, CompoundListItem, IoFileRedirectTarget, IoRedirect,
    RedirectList, SimpleCommand, SourceLocation,
};

use super::syntax::Tree;

impl Tree<'_> {
    /// Where the statement ends of which this is the last command.
    pub fn end(&self, last: Option<&Command>) -> usize {
        let known = last.map_or(0, |command| self.known_end(command));
        let within = self.from(known).iter().take_while(|token| !ends_a_command(token));
        within.last().map_or(known, |token| token.location().end.index)
    }

    /// The operator that ends a command.
    pub fn behind(&self, command: Option<&Command>) -> Option<&Token> {
        let known = command.map_or(0, |command| self.known_end(command));
        self.from(known).iter().find(|token| ends_a_command(token))
    }

    fn from(&self, known: usize) -> &[Token] {
        &self.tokens[self.tokens.partition_point(|token| token.location().start.index < known)..]
    }

    /// A place within the command, as far behind as the parser knows.
    pub fn known_end(&self, command: &Command) -> usize {
        let (end, redirects) = match command {
            Command::Simple(simple) => (end_of_simple(simple), None),
            Command::ExtendedTest(test, redirects) => (test.loc.end.index, redirects.as_ref()),
            Command::Compound(compound, redirects) => (self.end_of_compound(compound), redirects.as_ref()),
            Command::Function(function) => (self.end_of_compound(&function.body.0), function.body.1.as_ref()),
        };
        end.max(redirects.map_or(0, |RedirectList(list)| list.iter().map(end_of_redirect).max().unwrap_or(0)))
    }

    fn end_of_compound(&self, compound: &CompoundCommand) -> usize {
        let CompoundCommand::IfClause(clause) = compound else {
            return compound.location().map_or(0, |span| span.end.index);
        };
        let body = clause.elses.iter().flatten().last().map_or(&clause.then, |clause| &clause.body);
        let last = body.0.last().and_then(|CompoundListItem(list, _)| list.iter().last());
        let inner = self.end(last.and_then(|(_, pipeline)| pipeline.seq.last()));
        let is_fi = |token: &&Token| {
            let span = token.location();
            matches!(token, Token::Word(word, _) if word == "fi") && span.start.index >= inner && span.length() > 0
        };
        self.tokens.iter().find(is_fi).map_or(inner, |token| token.location().end.index)
    }
}

fn ends_a_command(token: &Token) -> bool {
    let ends = ["\n", ";", "&", "&&", "||", "|", "|&", ")", ";;", ";&", ";;&"];
    matches!(token, Token::Operator(operator, _) if ends.contains(&operator.as_str()))
}

fn end_of_simple(command: &SimpleCommand) -> usize {
    let name = command.word_or_name.as_ref().and_then(SourceLocation::location).map_or(0, |span| span.end.index);
    let prefix = command.prefix.iter().flat_map(|prefix| &prefix.0);
    let items = prefix.chain(command.suffix.iter().flat_map(|suffix| &suffix.0));
    items.map(end_of_item).max().unwrap_or(0).max(name)
}

fn end_of_item(item: &CommandPrefixOrSuffixItem) -> usize {
    match item {
        CommandPrefixOrSuffixItem::IoRedirect(redirect) => end_of_redirect(redirect),
        item => item.location().map_or(0, |span| span.end.index),
    }
}

fn end_of_redirect(redirect: &IoRedirect) -> usize {
    let word = match redirect {
        IoRedirect::File(_, _, IoFileRedirectTarget::Filename(word) | IoFileRedirectTarget::Duplicate(word)) => word,
        IoRedirect::File(_, _, IoFileRedirectTarget::ProcessSubstitution(_, subshell)) => {
            return subshell.loc.end.index;
        }
        IoRedirect::File(_, _, IoFileRedirectTarget::Fd(_)) => return 0,
        IoRedirect::HereDocument(_, document) => &document.here_end,
        IoRedirect::HereString(_, word) | IoRedirect::OutputAndError(word, _) => word,
    };
    word.location().map_or(0, |span| span.end.index)
}
