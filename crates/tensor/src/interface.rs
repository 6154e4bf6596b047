//! What a caller sees of a list of programs: parameters by name, whichever program has them.

use tilewright_ir::bind::{show_declared, show_extent};
use tilewright_ir::{Access, DType, DimRule, Param, ParamKind, Program};
use tilewright_runtime::{Error, Result, nearest};

/// The parameters of a callable.
#[derive(Debug)]
pub(crate) struct Interface {
    /// The callable's name.
    pub name: String,
    /// Every parameter of every program, each name once, in order of appearance.
    pub slots: Vec<SlotInfo>,
    /// Every size that a call binds, each name once.
    pub sizes: Vec<String>,
}

/// One parameter.
#[derive(Clone, Debug)]
pub(crate) struct SlotInfo {
    pub param: Param,
    pub role: Role,
    /// Its declaration in words: `f32[*rows, cols]`.
    pub declared: String,
    /// The type variables, by number, whose dtype it tells.
    pub variables: Vec<usize>,
    /// Those whose dtype it tells when no other does.
    pub hints: Vec<usize>,
    /// The size that its leading axes make together, `rows`, where it has such axes.
    pub leading: Option<String>,
}

/// How a parameter looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A tensor that is read.
    Input,
    /// A tensor that is updated in place.
    InOut,
    /// A tensor that is made.
    Output,
    /// A number.
    Scalar,
    /// A tensor that one program makes for a later one.
    Between,
}

impl Interface {
    /// The interface of programs that run one after the other and pass `between` among themselves. `first` are
    /// parameters that come first, whether a program has them or not.
    pub fn new(
        name: &str,
        programs: &[Program],
        between: &[String],
        first: Vec<SlotInfo>,
    ) -> Interface {
        let mut slots = first;
        for program in programs {
            for param in &program.params {
                if slots.iter().any(|slot| slot.param.name == param.name) {
                    continue;
                }
                let role = match &param.kind {
                    _ if between.contains(&param.name) => Role::Between,
                    ParamKind::Scalar { .. } => Role::Scalar,
                    ParamKind::Tensor { access: Access::In, .. } => Role::Input,
                    ParamKind::Tensor { access: Access::InOut, .. } => Role::InOut,
                    ParamKind::Tensor { access: Access::Out, .. } => Role::Output,
                };
                let declared = match &param.kind {
                    ParamKind::Tensor { dtype, .. } => {
                        format!("{dtype}{}", show_declared(program, param))
                    }
                    ParamKind::Scalar { dtype, .. } => dtype.to_string(),
                };
                let leading = match &param.kind {
                    ParamKind::Tensor { leading: true, shape, .. } => {
                        shape.first().map(|extent| show_extent(program, *extent))
                    }
                    _ => None,
                };
                let (param, (variables, hints)) = (param.clone(), Default::default());
                slots.push(SlotInfo { param, role, declared, variables, hints, leading });
            }
        }
        let mut sizes: Vec<String> = Vec::new();
        for dim in programs.iter().flat_map(|p| &p.dims).filter(|d| d.rule == DimRule::Free) {
            if !sizes.contains(&dim.name) {
                sizes.push(dim.name.clone());
            }
        }
        Interface { name: name.into(), slots, sizes }
    }

    /// The position of the parameter called `name`.
    pub fn find(&self, name: &str) -> Result<usize> {
        let visible = || self.slots.iter().filter(|s| s.role != Role::Between);
        let found = self.slots.iter().position(|s| s.param.name == name && s.role != Role::Between);
        found.ok_or_else(|| {
            let names: Vec<&str> = visible().map(|s| s.param.name.as_str()).collect();
            let error = Error::usage(format!("{}: there is no parameter `{name}`", self.name));
            match nearest(name, names.iter().copied()) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help(format!("its parameters are {}", names.join(", "))),
            }
        })
    }

    /// The parameters of some roles, in order.
    pub fn of_role<'a>(
        &'a self,
        roles: &'a [Role],
    ) -> impl Iterator<Item = (usize, &'a SlotInfo)> + Clone {
        self.slots.iter().enumerate().filter(move |(_, s)| roles.contains(&s.role))
    }
}

impl SlotInfo {
    /// The leading axes of a tensor of `shape`, where it has some.
    pub fn leading_axes<'a>(&self, shape: &'a [usize]) -> Option<&'a [usize]> {
        match &self.param.kind {
            ParamKind::Tensor { shape: declared, leading: true, .. } => {
                shape.get(..(shape.len() + 1).checked_sub(declared.len())?)
            }
            _ => None,
        }
    }

    /// The element type of a tensor or number.
    pub fn dtype(&self) -> DType {
        match self.param.kind {
            ParamKind::Tensor { dtype, .. } | ParamKind::Scalar { dtype, .. } => dtype,
        }
    }
}
