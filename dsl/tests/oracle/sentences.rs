//! Sentences of every form, in several wordings, to build replies from.

/// What a sentence is for the shares that rules bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// A rhetorical question that ends as one.
    Asked,
    /// Rhetorical, without the mark of a question.
    Cried,
    /// A question that is not rhetorical.
    Question,
    /// None of these.
    Plain,
}

/// All of them, in the order in which replies are built.
pub(crate) const FORMS: [Form; 4] = [Form::Asked, Form::Cried, Form::Question, Form::Plain];

/// One wording: the stems and ends of the forms, and what joins terms to them.
pub(crate) struct Wording {
    asked: (&'static str, &'static str),
    cried: (&'static str, &'static str),
    question: (&'static str, &'static str),
    plain: (&'static str, &'static str),
    /// Between a stem and what is put into the sentence.
    pub(crate) comma: &'static str,
    /// Between sentences.
    pub(crate) gap: &'static str,
}

/// The wordings, from the likeliest to the oddest.
pub(crate) const WORDINGS: [Wording; 10] = [
    Wording {
        asked: ("岂能如此", "？"),
        cried: ("岂能如此", "。"),
        question: ("天气好", "？"),
        plain: ("山高水长", "。"),
        comma: "，",
        gap: "",
    },
    Wording {
        asked: ("Who cares", "?"),
        cried: ("Who cares", "."),
        question: ("Is it late", "?"),
        plain: ("It is fine", "."),
        comma: ", ",
        gap: " ",
    },
    Wording {
        asked: ("何必多言", "？"),
        cried: ("何必多言", "！"),
        question: ("君来此地", "吗？"),
        plain: ("天色已晚", "！"),
        comma: "，",
        gap: "",
    },
    Wording {
        asked: ("Why bother", "?"),
        cried: ("Why bother", "!"),
        question: ("Ready", "?"),
        plain: ("Good day", "!"),
        comma: ", ",
        gap: " ",
    },
    Wording {
        asked: ("何必", "？"),
        cried: ("何必", ""),
        question: ("吗", ""),
        plain: ("好", ""),
        comma: "",
        gap: "\n",
    },
    Wording {
        asked: ("何必", "?"),
        cried: ("何必", "."),
        question: ("a", "?"),
        plain: ("a", ""),
        comma: " ",
        gap: "\n",
    },
    Wording {
        asked: ("Since when", "?"),
        cried: ("Since when", ""),
        question: ("Tea", "?"),
        plain: ("Tea", ""),
        comma: " - ",
        gap: "\n",
    },
    Wording {
        asked: ("难道不行", "？"),
        cried: ("难道不行", "；"),
        question: ("几时", "？"),
        plain: ("水", "；"),
        comma: "：",
        gap: "\n",
    },
    Wording {
        asked: ("何苦", "‽"),
        cried: ("何苦", "…"),
        question: ("9", "⁇"),
        plain: ("9", ""),
        comma: "、",
        gap: "\n",
    },
    Wording {
        asked: ("This is tea, isn't it", "?"),
        cried: ("This is tea, isn't it", "."),
        question: ("More tea", "?"),
        plain: ("Here is tea", "."),
        comma: " ",
        gap: " ",
    },
];

impl Wording {
    /// A sentence of a form that also says `what`.
    pub(crate) fn sentence(&self, form: Form, what: &str) -> String {
        let (stem, end) = match form {
            Form::Asked => self.asked,
            Form::Cried => self.cried,
            Form::Question => self.question,
            Form::Plain => self.plain,
        };
        let comma = if what.is_empty() { "" } else { self.comma };
        format!("{stem}{comma}{what}{end}")
    }
}
