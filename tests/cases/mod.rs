//! Random cases for tests that compare f3s with what it must agree with: a shell, Docker, tar. The same every time, unless
//! `F3S_CASES=SEED,COUNT` asks for others.

/// How many cases a comparison makes, and of which seed.
#[derive(Clone, Copy, Debug)]
pub struct Cases {
    pub seed: u64,
    pub count: usize,
}

impl Cases {
    /// `F3S_CASES`, else seed 1 and as many cases as an ordinary test run has time for.
    pub fn wanted(usual: usize) -> Cases {
        let Ok(text) = std::env::var("F3S_CASES") else { return Cases { seed: 1, count: usual } };
        let numbers = text.split_once(',').and_then(|(seed, count)| Some((seed.parse().ok()?, count.parse().ok()?)));
        let (seed, count) = numbers.unwrap_or_else(|| panic!("F3S_CASES is SEED,COUNT and not `{text}`"));
        Cases { seed, count }
    }

    /// A source of choices for every case.
    pub fn each(self) -> impl Iterator<Item = Choices> {
        (0..self.count as u64).map(move |number| Choices {
            state: self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number,
            ..Choices::default()
        })
    }
}

/// Choices that depend on the seed and the number of the case only (splitmix64), or those of a shorter case.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    state: u64,
    made: Vec<usize>,
    /// These, then always the last one of what there is.
    given: Option<std::vec::IntoIter<usize>>,
}

impl Choices {
    /// Less than `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        let choice = match &mut self.given {
            Some(given) => given.next().unwrap_or(limit).min(limit - 1),
            None => self.random(limit),
        };
        self.made.push(choice);
        choice
    }

    fn random(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    pub fn one_of<'a, T>(&mut self, values: &'a [T]) -> &'a T {
        &values[self.below(values.len())]
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    #[allow(dead_code, reason = "where a case is cheap enough to be made again and again")]
    /// Of a case that differs the shortest one found that differs, too. `differs` makes a case of choices.
    pub fn shortest(&self, differs: impl Fn(&mut Choices) -> bool) -> Choices {
        let given = |made: Vec<usize>| Choices { given: Some(made.into_iter()), ..Choices::default() };
        let mut made = self.made.clone();
        let mut length = made.len();
        while length > 0 {
            let (mut at, mut is_shorter) = (0, false);
            while at < made.len() {
                let mut less = made.clone();
                less.drain(at..(at + length).min(made.len()));
                match differs(&mut given(less.clone())) {
                    true => (made, is_shorter) = (less, true),
                    false => at += length,
                }
            }
            if !is_shorter {
                length /= 2;
            }
        }
        given(made)
    }
}
