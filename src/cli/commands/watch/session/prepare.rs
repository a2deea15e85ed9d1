//! How a round is prepared: evaluation, what the engine has, the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt;
use tracing::Instrument;

use super::Session;
use super::preparing::{Preparing, Stocked};
use crate::cli::failure::Failure;
use crate::cli::project::Asking;
use crate::cli::project::Project;
use crate::cli::state::key;
use crate::cli::{connection, environment, reporter};
use crate::engine;
use crate::graph::Graph;
use crate::plan::{Action, Plan, PlanOptions, PlannedImage, Present};

impl Session<'_> {
    /// Evaluates, and asks the engine what it has.
    pub(super) fn begin(&mut self, changed: BTreeSet<PathBuf>) {
        self.changed.extend(changed);
        self.preparing = None;
        if let Err(failure) = self.evaluate() {
            self.fail(failure);
        }
    }

    fn evaluate(&mut self) -> Result<(), Failure> {
        let opened = tracing::info_span!("open").in_scope(|| Project::at(self.global, self.location.clone()));
        let project = match opened {
            Ok(project) => project,
            Err(failure) => {
                self.ear.listen(&BTreeMap::new(), &self.location.settings());
                return Err(failure);
            }
        };
        let loaded = project.load_again(&self.args.select, &mut self.sources, &self.evaluations);
        let graph = match loaded {
            Ok(graph) => Arc::new(graph),
            Err(failure) => {
                // What was read until then is where it will be mended.
                self.listen(&project);
                return Err(failure);
            }
        };
        let access = match project.consent(&graph, &self.sources, Asking::Never) {
            Ok(access) => access,
            Err(failure) => {
                self.listen(&project);
                return Err(failure);
            }
        };
        self.ear.listen_also(&project.world.stamps());
        let warnings = graph.warnings();
        // Once, not in every round.
        let new = warnings.iter().filter(|warning| !self.warned.contains(warning)).cloned();
        reporter::warn(new.collect(), &self.events);
        self.warned = warnings;
        let stocked = self.stocked(&project, graph.clone()).instrument(tracing::info_span!("ask the engine")).boxed();
        self.preparing = Some(Preparing { project, graph, access, ended: self.jobs.ended(), stocked });
        Ok(())
    }

    /// What the engine has. Owns all it needs: it is dropped when something changes meanwhile.
    fn stocked(
        &self,
        project: &Project,
        graph: Arc<Graph>,
    ) -> impl Future<Output = Result<Stocked, Failure>> + Send + use<> {
        let (engine, found, config) = (self.engine.clone(), self.found.clone(), project.config.engine.clone());
        let (events, sources, cancel) = (self.events.clone(), self.sources.clone(), self.cancel.clone());
        // A round takes over from the one before: a prune that waits for that one must not keep it.
        let held = self.running.as_ref().map(|running| running.hold.clone());
        let transfers = project.config.transfers;
        async move {
            let engine = match (engine, found) {
                (Some(engine), Some((settings, _))) if settings == config => engine,
                (None, Some((settings, address))) if settings == config => {
                    engine::reconnect(&address).await.map_err(|error| connection::failure(error, &sources))?
                }
                (_, _) => connection::connect(&config, true, &events).await?,
            };
            let hold = match held {
                Some(hold) => hold,
                None => Arc::new(connection::hold(&engine, &events).await?),
            };
            let stock =
                connection::stock(&engine, (&graph, &sources), (false, true, transfers), &events, &cancel).await?;
            Ok(Stocked { engine, stock, hold })
        }
    }

    pub(super) fn prepared(&mut self, stocked: Result<Stocked, Failure>) {
        let Some(preparing) = self.preparing.take() else { return };
        let Stocked { engine, stock, hold } = match stocked {
            Ok(stocked) => stocked,
            Err(failure) => {
                self.listen(&preparing.project);
                return self.fail(failure);
            }
        };
        self.gone = false;
        self.found = Some((preparing.project.config.engine.clone(), engine.address().clone()));
        self.engine = Some(engine.clone());
        let planned = self.plan(&preparing, &stock.present);
        self.listen(&preparing.project);
        match planned {
            Ok(plan) => self.start(&preparing, (engine, hold), stock.missing, plan),
            Err(failure) => self.fail(failure),
        }
    }

    /// The plan as it is released, whose mistakes count, then the one that is built: finely, unless it is pushed.
    fn plan(&mut self, Preparing { project, graph, .. }: &Preparing, present: &Present) -> Result<Plan, Failure> {
        let family = (&**graph, &self.sources);
        let released = PlanOptions {
            force: self.force,
            source_date_epoch: environment::source_date_epoch()?,
            seal: Some(key::of_user()?),
            unchecked: self.args.no_check && !self.args.check,
            ..PlanOptions::default()
        };
        let mut plan = project.plan(family, present, &released)?;
        if self.args.push {
            return Ok(plan);
        }
        let names = |image: &PlannedImage| (image.name.clone(), image.fingerprint.clone());
        let mut options = PlanOptions { released: plan.images.iter().map(names).collect(), ..released };
        loop {
            // What is built is built finely from now on, and with it what rests on it.
            let built = plan.images.iter().filter(|image| image.action == Action::Build);
            self.fine.extend(built.map(|image| image.name.clone()));
            if options.fine == self.fine {
                return Ok(plan);
            }
            options.fine = self.fine.clone();
            plan = project.plan(family, present, &options)?;
        }
    }

    fn listen(&mut self, project: &Project) {
        let span = tracing::info_span!("listen").entered();
        self.ear.listen(&project.world.stamps(), &self.location.settings());
        drop(span);
        if let Some(complaint) = self.ear.complaint() {
            self.note(format!("{complaint}; `--poll` needs no help of the system"));
        }
    }
}
