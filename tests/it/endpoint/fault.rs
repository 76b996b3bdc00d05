//! The ways to fail, and which requests fail.

/// A way to fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// 429 with a `Retry-After` of these words: seconds or an HTTP date; without the header where there are none.
    RateLimited {
        /// The value of the header.
        retry_after: Option<String>,
    },
    /// This status, with an error body as the wire format has it.
    Status(u16),
    /// This status, with the key of the request in the error text: as it is, in base64 and with `%` escapes.
    EchoesKey(u16),
    /// This status and a page of HTML.
    Html(u16),
    /// 200 without a body.
    EmptyBody,
    /// 200 and a body that is longer by its header than what is sent before the connection is closed.
    CutBody,
    /// 200 and half of a body, and then nothing more on an open connection.
    StalledBody,
    /// The connection is closed in good order, without a response.
    Dropped,
    /// The connection is reset, without a response.
    Reset,
    /// No response, on an open connection.
    Hang,
    /// Bytes that are not HTTP.
    NotHttp,
    /// This status with these headers and this body.
    Reply {
        /// The status.
        status: u16,
        /// Headers beside `content-length`.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
}

impl Fault {
    /// 429 with this `Retry-After`.
    pub(crate) fn rate_limited(retry_after: &str) -> Self {
        Self::RateLimited {
            retry_after: Some(retry_after.to_owned()),
        }
    }

    /// 200 and this body, said to be JSON.
    pub(crate) fn json(body: impl Into<String>) -> Self {
        Self::Reply {
            status: 200,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.into().into_bytes(),
        }
    }

    /// One of each that a later attempt can heal. Waiting as told costs little; a hang costs the time limit of a call.
    pub(crate) fn all_kinds() -> Vec<Self> {
        vec![
            Self::rate_limited("0.05"),
            Self::Status(500),
            Self::Status(503),
            Self::Html(502),
            Self::Html(200),
            Self::EmptyBody,
            Self::CutBody,
            Self::StalledBody,
            Self::Dropped,
            Self::Reset,
            Self::Hang,
            Self::NotHttp,
        ]
    }
}

/// Which requests fail, and how: by the digest of the body, so that the same requests fail in every run.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    /// The share of distinct bodies that fail, from 0 to 1.
    pub(crate) share: f64,
    /// The ways to fail; which one a body gets follows from its digest.
    pub(crate) kinds: Vec<Fault>,
    /// For how long.
    pub(crate) lasting: Lasting,
}

/// For how long a body that fails goes on to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lasting {
    /// The first so many times that it is asked.
    Attempts(u64),
    /// As long as it is asked.
    Forever,
}

impl Faults {
    /// No request fails.
    pub(crate) fn none() -> Self {
        Self {
            share: 0.0,
            kinds: Vec::new(),
            lasting: Lasting::Forever,
        }
    }

    /// This share of the bodies fails the first time, in all the ways of [`Fault::all_kinds`].
    pub(crate) fn mixed(share: f64) -> Self {
        Self {
            share,
            kinds: Fault::all_kinds(),
            lasting: Lasting::Attempts(1),
        }
    }

    /// Every request fails in this way.
    pub(crate) fn always(fault: Fault) -> Self {
        Self {
            share: 1.0,
            kinds: vec![fault],
            lasting: Lasting::Forever,
        }
    }

    /// Every body fails in this way the first so many times.
    pub(crate) fn first(attempts: u64, fault: Fault) -> Self {
        Self {
            lasting: Lasting::Attempts(attempts),
            ..Self::always(fault)
        }
    }

    /// How the body of this digest fails when it is asked for the `times`-th time, if it does.
    pub(crate) fn of(&self, digest: u64, times: u64) -> Option<&Fault> {
        let over = matches!(self.lasting, Lasting::Attempts(attempts) if times > attempts);
        if over || self.kinds.is_empty() || unit_interval(digest) >= self.share {
            return None;
        }
        let kinds = self.kinds.len() as u64;
        let kind = usize::try_from(mix(digest) % kinds).expect("less than the number of kinds");
        self.kinds.get(kind)
    }
}

/// The digest of a body: FNV-1a, then mixed, so that bodies which differ in one digit part ways.
pub(crate) fn digest(body: &[u8]) -> u64 {
    let fnv = body.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(fnv)
}

/// The finaliser of `SplitMix64` (Steele, Lea and Flood 2014).
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// A number in [0, 1) from the upper bits of a digest.
fn unit_interval(digest: u64) -> f64 {
    let upper = u32::try_from(digest >> 32).expect("32 bits are left");
    f64::from(upper) / (f64::from(u32::MAX) + 1.0)
}
