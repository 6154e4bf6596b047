//! Where shared arrays lie: two may overlap when one is done with before the other begins, and all threads meet between.

use tilewright_ir::thread::{Code, SharedArray, SharedId, Value};

/// When an array is used: from the first of its uses to the last, in the order of the text, within the loops that
/// contain them all.
#[derive(Clone, Debug)]
struct Life {
    first: usize,
    last: usize,
    loops: Vec<usize>,
}

/// A loop's place in the text.
#[derive(Clone, Copy, Debug)]
struct Extent {
    first: usize,
    last: usize,
}

#[derive(Default)]
struct Walk {
    position: usize,
    /// The loops around the current statement, outermost first.
    inside: Vec<usize>,
    loops: Vec<Extent>,
    /// Uses of each array: where, within which loops.
    uses: Vec<Vec<(usize, Vec<usize>)>>,
    /// Barriers that every thread passes: where, within which loops.
    barriers: Vec<(usize, Vec<usize>)>,
    /// Depth of conditions.
    conditions: usize,
}

/// Gives each array its offset. `overlap` allows arrays to share memory.
pub(super) fn place(shared: &mut [SharedArray], body: &[Code], overlap: bool) {
    let mut walk = Walk { uses: vec![Vec::new(); shared.len()], ..Walk::default() };
    walk.block(body);
    let lives: Vec<Option<Life>> = walk.uses.iter().map(|uses| walk.life(uses)).collect();
    let bytes = |array: &SharedArray| (array.len * array.dtype.size()).next_multiple_of(16);
    for index in 0..shared.len() {
        let own = bytes(&shared[index]);
        // The spans of those placed before that this one must not touch, by their beginning.
        let mut taken: Vec<(usize, usize)> = (0..index)
            .filter(|&other| {
                let apart = match (&lives[index], &lives[other]) {
                    (Some(a), Some(b)) => walk.apart(a, b) || walk.apart(b, a),
                    _ => true,
                };
                !(overlap && apart)
            })
            .map(|other| (shared[other].offset, shared[other].offset + bytes(&shared[other])))
            .collect();
        taken.sort();
        let mut offset = 0;
        for (start, end) in taken {
            if offset + own <= start {
                break;
            }
            offset = offset.max(end);
        }
        shared[index].offset = offset;
    }
}

impl Walk {
    fn block(&mut self, body: &[Code]) {
        for code in body {
            self.code(code);
        }
    }

    fn code(&mut self, code: &Code) {
        self.position += 1;
        match code {
            Code::StoreShared(array, ..) => {
                code.values().for_each(|value| self.value(value));
                self.used(*array);
            }
            Code::CopyAsync { to: array, .. }
            | Code::LoadMatrix { from: array, .. }
            | Code::LoadShared { from: array, .. } => {
                code.values().for_each(|value| self.value(value));
                self.used(*array);
            }
            Code::Barrier => {
                if self.conditions == 0 {
                    self.barriers.push((self.position, self.inside.clone()));
                }
            }
            // Its arrays keep to themselves.
            Code::Routine(_) => {}
            Code::Unroll(_, _, body) => self.repeated(body),
            Code::For { start, end, step, body, .. } => {
                self.value(start);
                self.value(end);
                self.value(step);
                self.repeated(body);
            }
            Code::If(condition, body) => {
                self.value(condition);
                self.conditions += 1;
                self.block(body);
                self.conditions -= 1;
            }
            code => code.values().for_each(|value| self.value(value)),
        }
    }

    fn repeated(&mut self, body: &[Code]) {
        let number = self.loops.len();
        self.loops.push(Extent { first: self.position, last: self.position });
        self.inside.push(number);
        self.block(body);
        self.inside.pop();
        self.position += 1;
        self.loops[number].last = self.position;
    }

    fn value(&mut self, value: &Value) {
        value.visit(&mut |value| {
            if let Value::Shared(array, _) = value {
                self.used(*array);
            }
        });
    }

    fn used(&mut self, array: SharedId) {
        if let Some(uses) = self.uses.get_mut(array.0 as usize) {
            uses.push((self.position, self.inside.clone()));
        }
    }

    /// The life of an array with these uses. A use in a further loop lasts as long as that loop.
    fn life(&self, uses: &[(usize, Vec<usize>)]) -> Option<Life> {
        let (_, first) = uses.first()?;
        let common = uses.iter().map(|(_, loops)| shared_prefix(first, loops)).min().unwrap_or(0);
        let span = |(at, loops): &(usize, Vec<usize>)| match loops.get(common) {
            Some(&inner) => (self.loops[inner].first, self.loops[inner].last),
            None => (*at, *at),
        };
        Some(Life {
            first: uses.iter().map(|u| span(u).0).min()?,
            last: uses.iter().map(|u| span(u).1).max()?,
            loops: first[..common].to_vec(),
        })
    }

    /// True when `a` is done with before `b` begins and all threads meet between, in each turn of the loops that contain
    /// both, and between turns.
    fn apart(&self, a: &Life, b: &Life) -> bool {
        let meet = |from: usize, to: usize| {
            self.barriers.iter().any(|(at, loops)| {
                (from..=to).contains(at)
                    && (a.loops.starts_with(loops) || b.loops.starts_with(loops))
            })
        };
        let common = shared_prefix(&a.loops, &b.loops);
        let turns = match a.loops[..common].last() {
            None => true,
            Some(&around) => {
                let around = self.loops[around];
                meet(b.last, around.last) || meet(around.first, a.first)
            }
        };
        a.last < b.first && meet(a.last, b.first) && turns
    }
}

/// How many loops two statements have in common, from the outermost.
fn shared_prefix(a: &[usize], b: &[usize]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
