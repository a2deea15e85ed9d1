//! `import "lib/x" as x;`: a user's own modules, relative to the importing file, inside the project.

use std::sync::{Arc, Mutex};

use rhai::{AST, EvalAltResult, FnNamespace, GlobalRuntimeState, Module, ModuleResolver, Position, Scope, Shared};

use super::arguments::raise;
use super::compile::{compile, text_of};
use super::errors::Many;
use super::lint::Lint;
use super::origin;
use super::recorder::Recording;
use crate::diagnostic::{Diagnostic, Place, nearest};
use crate::path::ProjectPath;

pub struct ProjectModules {
    recording: Recording,
    lint: Arc<Lint>,
    /// The files that are being imported, outermost first.
    importing: Mutex<Vec<String>>,
}

impl ProjectModules {
    pub fn new(recording: Recording, lint: Arc<Lint>) -> Self {
        ProjectModules { recording, lint, importing: Mutex::default() }
    }

    fn read(&self, importer: &str, written: &str, place: Place) -> Result<(String, String), Box<Diagnostic>> {
        let error = |message: String| Box::new(Diagnostic::error(message).at(place.clone()));
        let folder = importer.rsplit_once('/').map_or("", |(folder, _)| folder);
        let file = if written.ends_with(".rhai") { written.to_owned() } else { format!("{written}.rhai") };
        let Some(path) = ProjectPath::join(folder, &file) else {
            return Err(error(format!("the module `{written}` lies outside of the project")));
        };
        let world = self.recording.lock().project.world.clone();
        let bytes = world.read(&path).map_err(|cause| {
            if cause.kind() == std::io::ErrorKind::PermissionDenied {
                return error(cause.to_string());
            }
            let siblings = ProjectPath::join(path.folder(), "").and_then(|folder| world.list(&folder).ok());
            let siblings = siblings.unwrap_or_default();
            let near =
                nearest(path.file_name(), siblings.iter().map(String::as_str).filter(|name| name.ends_with(".rhai")));
            let near = near.map(|near| format!("did you mean `{}`?", near.trim_end_matches(".rhai")));
            Box::new(
                Diagnostic::error(format!("there is no module `{written}`"))
                    .at(place.clone())
                    .hint_if(near)
                    .hint(format!("imports are relative to the importing file: f3s looked for `{path}`")),
            )
        })?;
        match text_of(bytes.to_vec()) {
            Ok(text) => Ok((path.as_str().to_owned(), text)),
            Err(_) => Err(error(format!("the module `{written}` is not UTF-8"))),
        }
    }
}

impl ProjectModules {
    /// Notes what a module defines.
    fn examine(&self, file: &str, ast: AST) -> Result<AST, Box<EvalAltResult>> {
        let mut recorder = self.recording.lock();
        if let Some(position) = recorder.definitions.twin(&ast) {
            let error =
                Diagnostic::error(format!("`{}` holds the same function, at the same line and column", recorder.file));
            let error = error.at(origin::place(file, position)).label("the two cannot be told apart");
            return Err(raise(error.hint("move one of them, by a line or a blank")));
        }
        recorder.definitions.add(file, &ast);
        Ok(ast)
    }
}

/// Makes the closures that functions of a module return known to whoever imports it.
fn hand_out_closures(module: &mut Module, ast: &AST) {
    let closures = ast.iter_fn_def().filter(|function| origin::is_closure(&function.name));
    for closure in closures {
        // Rhai calculates the same one for every module.
        let hash = Module::new().set_script_fn(closure.clone());
        #[expect(deprecated, reason = "registering anew would lose the environment of the module")]
        module.update_fn_namespace(hash, FnNamespace::Global);
    }
    module.build_index();
}

impl ModuleResolver for ProjectModules {
    fn resolve(
        &self,
        _engine: &rhai::Engine,
        _source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        // Rhai calls `resolve_raw`; this form knows no tag and could record nothing.
        Err(EvalAltResult::ErrorModuleNotFound(path.to_owned(), position).into())
    }

    fn resolve_raw(
        &self,
        engine: &rhai::Engine,
        global: &mut GlobalRuntimeState,
        _scope: &mut Scope,
        written: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let importer = {
            let recorder = self.recording.lock();
            // The frames of the functions that run tell nothing of a module's own top level.
            let running = recorder.definitions.file_of_running(global.debugger().call_stack());
            let source = global.source().unwrap_or(&recorder.file);
            let is_handed =
                global.debugger().call_stack().last().and_then(|frame| frame.source.as_deref()) == Some(source);
            running.filter(|_| is_handed).map_or_else(|| source.to_owned(), |file| file.to_string())
        };
        let place = origin::place(&importer, position);
        let (file, text) = self.read(&importer, written, place.clone()).map_err(|error| raise(*error))?;
        {
            let mut importing = self.importing.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            if let Some(start) = importing.iter().position(|open| *open == file) {
                let circle = importing[start..].iter().chain([&file]).cloned().collect::<Vec<_>>().join(" -> ");
                return Err(raise(Diagnostic::error("modules import each other").at(place).note(circle)));
            }
            importing.push(file.clone());
        }
        self.recording.lock().sources.insert(file.as_str(), text.as_str());
        let module = compile(engine, &self.lint, &file, &text)
            .map_err(|mistakes| {
                let many = Many(Arc::new(mistakes));
                EvalAltResult::ErrorRuntime(rhai::Dynamic::from(many), Position::NONE).into()
            })
            .and_then(|ast| self.examine(&file, ast))
            .and_then(|ast| {
                let mut module = Module::eval_ast_as_new_raw(engine, &mut Scope::new(), global, &ast)?;
                hand_out_closures(&mut module, &ast);
                Ok(module)
            });
        self.importing.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        module.map(Shared::new)
    }
}
