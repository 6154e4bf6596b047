//! How a program is compiled for sizes and layouts: its variants, one a schedule.

use crate::CudaC;
use crate::cache::Key;
use crate::dependent::{clustered, waiting};
use crate::dialect::STATIC_SHARED;
use crate::driver::{FaultSlot, Function};
use crate::launch::{CudaExecutable, Way, lock};
use crate::outline::{Outline, emptied};
use crate::routine::{Early, has_ring, read_early};
use std::sync::Arc;
use tilewright_ir::thread::ThreadProgram;
use tilewright_passes::lower::{Choice, Schedule, Stay, Units, bucket, lower};
use tilewright_target::TargetError;
use tilewright_target::c::{self, Dialect};
use tilewright_target::tuned::{Found, hash};

/// A program compiled by a schedule.
pub(crate) struct Variant {
    pub outline: Outline,
    pub function: Function,
    /// The same with groups that share work as a cluster, where there are such.
    pub clustered: Option<Function>,
    /// Where it notes indices out of range, if it checks any.
    pub faults: Option<Arc<FaultSlot>>,
}

/// What a launch was, and the variant that it took.
pub(crate) struct Latest {
    dims: Vec<usize>,
    aligned: Aligned,
    recorded: bool,
    variant: Arc<Variant>,
}

/// The parameters whose rows start at multiples of 16 bytes, a bit each; those without a bit are taken to be no such.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aligned(u128);

impl Aligned {
    /// All of them.
    pub const ALL: Aligned = Aligned(u128::MAX);

    /// Takes parameter `number` out.
    pub fn except(&mut self, number: usize) {
        self.0 &= !1u128.checked_shl(number as u32).unwrap_or(0);
    }

    fn has(self, number: usize) -> bool {
        number < 128 && self.0 >> number & 1 == 1
    }
}

/// How many launches a program remembers.
const REMEMBERED: usize = 8;

impl CudaExecutable {
    /// The variant for these sizes and rows, of a launch by itself or of a recorded one among others.
    pub fn variant_for(
        &self,
        dims: &[usize],
        aligned: Aligned,
        recorded: bool,
    ) -> Result<Arc<Variant>, TargetError> {
        let mut latest = lock(&self.latest);
        let is_it = |l: &&Latest| l.dims == dims && l.aligned == aligned && l.recorded == recorded;
        if let Some(known) = latest.iter().find(is_it) {
            return Ok(known.variant.clone());
        }
        let variant = self.scheduled(dims, aligned, recorded)?;
        latest.truncate(REMEMBERED - 1);
        let known = Latest { dims: dims.to_vec(), aligned, recorded, variant: variant.clone() };
        latest.insert(0, known);
        Ok(variant)
    }

    pub fn default_for(&self, dims: &[usize], recorded: bool) -> Schedule {
        let mut schedule = Schedule::default_for(&self.program, dims, Units::Half);
        if self.gpu.clusters {
            schedule = schedule.in_clusters(&self.program);
        }
        schedule.routines = true;
        schedule.keep = self.gpu.shared;
        let on = self.gpu.stay.filter(|_| recorded);
        schedule.stay = on.and_then(|on| Stay::of(&self.program, dims, on));
        schedule
    }

    /// The variant by the schedule that somebody chose, or that was measured to be best, or by the default one.
    fn scheduled(
        &self,
        dims: &[usize],
        aligned: Aligned,
        recorded: bool,
    ) -> Result<Arc<Variant>, TargetError> {
        let mut default = self.default_for(dims, recorded);
        default.aligned = (0..self.program.params.len()).map(|i| aligned.has(i)).collect();
        let bucket = bucket(&self.program, dims);
        let chosen = lock(&self.chosen);
        if let Some(Way::Schedule(choice)) = chosen.get(&bucket)
            && let Some(schedule) = default.with(&self.program, dims, *choice)
        {
            return self.variant(schedule);
        }
        drop(chosen);
        // What was measured was measured with aligned rows.
        let all_aligned = default.aligned.iter().all(|aligned| *aligned);
        let found = all_aligned.then(|| self.gpu.tuned.find(&self.gpu.name, &bucket)).flatten();
        if let Some(found) = found
            && let Some(schedule) = self.tuned(dims, &default, &found)
            && let Ok(variant) = self.variant(schedule)
        {
            return Ok(variant);
        }
        self.variant(default)
    }

    /// The schedule of a row, if its source is the one that was timed; `None` where what was measured is of no use any more.
    fn tuned(&self, dims: &[usize], default: &Schedule, found: &Found) -> Option<Schedule> {
        let schedule = default.with(&self.program, dims, Choice::parse(&found.schedule)?)?;
        let source = self.source_hash(&schedule).ok()?;
        (source == found.source).then_some(schedule)
    }

    /// True when a row of a schedule of ours still says something of this program.
    pub fn is_tuned(&self, dims: &[usize], found: &Found) -> bool {
        let mut default = self.default_for(dims, false);
        default.aligned = vec![true; self.program.params.len()];
        self.tuned(dims, &default, found).is_some()
    }

    /// The hash of the source by a schedule.
    fn source_hash(&self, schedule: &Schedule) -> Result<u64, TargetError> {
        match self.known_outline(schedule) {
            Some(outline) => Ok(outline.source),
            None => Ok(own_hash(&self.text(schedule)?.1)),
        }
    }

    /// What a thread does by a schedule, and its source.
    pub fn text(&self, schedule: &Schedule) -> Result<(ThreadProgram, String), TargetError> {
        let threads = lower(&self.program, schedule).map_err(|e| TargetError::Unsupported {
            program: self.program.name.clone(),
            what: format!("cannot run on CUDA: {e}"),
        })?;
        let source = c::source(&threads, &CudaC);
        Ok((threads, source))
    }

    /// The variant by a schedule: from the disk if it was made before, by any process.
    pub fn variant(&self, schedule: Schedule) -> Result<Arc<Variant>, TargetError> {
        let mut variants = lock(&self.variants);
        if let Some(variant) = variants.get(&schedule) {
            return Ok(variant.clone());
        }
        let variant = match self.known(&schedule) {
            Some(variant) => variant,
            None => self.compiled(&schedule)?,
        };
        let variant = Arc::new(variant);
        variants.insert(schedule, variant.clone());
        Ok(variant)
    }

    /// The key of what is left of lowering by a schedule, if it is kept.
    fn outline_key(&self, schedule: &Schedule) -> Option<Key> {
        let compiler = &self.gpu.compiler;
        let said = self.said.get_or_init(|| {
            // The text form holds all of a program that lowering sees.
            compiler.said(&self.program.to_string(), self.gpu.dependents)
        });
        Some(Key::of([&format!("{:032x}", (*said)?.0), &format!("{schedule:?}")]))
    }

    fn known_outline(&self, schedule: &Schedule) -> Option<Outline> {
        let bytes = self.gpu.compiler.find(self.outline_key(schedule)?)?;
        Outline::parse(&bytes, self.program.dims.len())
    }

    /// The variant as it was made before, without lowering the program; `None` where some of it is no longer there.
    fn known(&self, schedule: &Schedule) -> Option<Variant> {
        let outline = self.known_outline(schedule)?;
        let image = self.gpu.compiler.find(outline.image)?;
        let clustered = match outline.clustered {
            Some(key) => Some(self.gpu.compiler.find(key)?),
            None => None,
        };
        self.load(outline, &image, clustered.as_deref()).ok()
    }

    /// The variant made anew.
    fn compiled(&self, schedule: &Schedule) -> Result<Variant, TargetError> {
        let compiler = &self.gpu.compiler;
        let (threads, source) = self.text(schedule)?;
        let dependent = self.gpu.dependents.then(|| waiting(&source, &threads));
        let compiled = dependent.as_ref().unwrap_or(&source);
        let image = compiler.machine_code(compiled)?;
        let in_cluster = match (&dependent, &threads.split) {
            (Some(source), Some(_)) => Some(clustered(source)),
            _ => None,
        };
        let in_cluster_image =
            in_cluster.as_ref().map(|source| compiler.machine_code(source)).transpose()?;
        let outline = Outline {
            threads: emptied(&threads),
            early: dependent.as_ref().map(|_| read_early(&threads).unwrap_or_default()),
            source: own_hash(&source),
            image: compiler.key(compiled),
            clustered: in_cluster.as_ref().map(|source| compiler.key(source)),
            stays: has_ring(&threads),
        };
        if let Some(key) = self.outline_key(schedule) {
            compiler.keep(key, &outline.bytes());
        }
        self.load(outline, &image, in_cluster_image.as_deref())
    }

    fn load(
        &self,
        outline: Outline,
        image: &[u8],
        clustered: Option<&[u8]>,
    ) -> Result<Variant, TargetError> {
        let threads = &outline.threads;
        let name = c::kernel_name(threads);
        // What reads something before it waits may start early in a graph, which knows what others write.
        let waits = outline.early.as_ref().is_some_and(|early| *early == Early::default());
        let load = |image: &[u8]| {
            let function = Function::load(&self.gpu.context, image, &name)?;
            Ok::<Function, TargetError>(if waits { function.waiting() } else { function })
        };
        let function = load(image)?;
        let clustered = clustered.map(load).transpose()?;
        if threads.shared_bytes() > STATIC_SHARED {
            for function in [Some(&function), clustered.as_ref()].into_iter().flatten() {
                function.allow_shared(threads.shared_bytes())?;
            }
        }
        let faults = match threads.checks.is_empty() {
            true => None,
            false => Some(self.gpu.context.fault_slot(threads)?),
        };
        Ok(Variant { outline, function, clustered, faults })
    }
}

/// The hash of a kernel's own text, by which measured schedules are known: the helpers before it are those of all kernels, and
/// mending one of them would make every row speak of another source.
fn own_hash(source: &str) -> u64 {
    hash(source.strip_prefix(CudaC.prelude()).unwrap_or(source))
}
