//! The words, by what they name: spellings of one thing stand together, the first is its name.

use std::rc::Rc;

use rolecall_plugin::words::Words;

/// The words compiled.
#[derive(Debug)]
pub(crate) struct Lexicon {
    /// What is found anywhere in a text.
    pub(crate) marks: Rc<Words<Mark>>,
    /// What is found behind a number only; most of these words mean other things elsewhere.
    units: Words<&'static str>,
}

/// What a word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A number, or a figure of one.
    Number(&'static str),
    /// The number one behind another number, and nothing elsewhere: 一下, 一起.
    OneBehindNumber,
    /// A day, a month, a time of the day.
    Time(&'static str),
    /// That something is not so.
    Denial,
}

impl Lexicon {
    /// Compiles the words; `denials` says whether these are among them.
    pub(crate) fn new(denials: bool) -> Self {
        let mut marks = Words::default();
        insert(&mut marks, NUMBERS, Mark::Number);
        insert(&mut marks, TIMES, Mark::Time);
        ONE_IS_NO_NUMBER.iter().for_each(|word| marks.insert(word, Mark::OneBehindNumber));
        if denials {
            DENIALS.iter().for_each(|word| marks.insert(word, Mark::Denial));
            NO_DENIALS.iter().for_each(|word| marks.allow(word));
        }
        let mut units = Words::default();
        insert(&mut units, UNITS, |name| name);
        Self { marks: Rc::new(marks), units }
    }

    /// The name of the unit at a byte of the text, perhaps behind a space.
    pub(crate) fn unit_behind(&self, text: &str, at: usize) -> Option<&'static str> {
        let rest = text.get(at..)?;
        let rest = rest.strip_prefix(char::is_whitespace).unwrap_or(rest);
        self.units.begins(rest).map(|unit| *unit.meaning)
    }
}

fn insert<T>(words: &mut Words<T>, table: &[&[&'static str]], meaning: impl Fn(&'static str) -> T) {
    for spellings in table {
        let Some(name) = spellings.first() else { continue };
        spellings.iter().for_each(|word| words.insert(word, meaning(name)));
    }
}

/// The unit of a sign that stands in front of an amount.
pub(crate) fn currency(sign: char) -> Option<&'static str> {
    match sign {
        '$' => Some("dollar"),
        '€' => Some("euro"),
        '£' | '￡' => Some("sterling"),
        '¥' | '￥' => Some("yuan"),
        '₹' => Some("rupee"),
        _ => None,
    }
}

#[rustfmt::skip] // tables: one entry per line would be pages
/// Numbers in words. 參 is none of them: in Traditional text it mostly means to take part.
const NUMBERS: &[&[&str]] = &[
    &["零", "〇"], &["一", "壹"], &["二", "贰", "貳", "两", "兩"], &["三", "叁"], &["四", "肆"], &["五", "伍"],
    &["六", "陆", "陸"], &["七", "柒"], &["八", "捌"], &["九", "玖"], &["十", "拾"], &["百", "佰"], &["千", "仟"],
    &["万", "萬"], &["亿", "億"], &["半"], &["百分之"], &["千分之"], &["分之"],
    &["zero"], &["one"], &["two"], &["three"], &["four"], &["five"], &["six"], &["seven"], &["eight"], &["nine"], &["ten"],
    &["eleven"], &["twelve"], &["thirteen"], &["fourteen"], &["fifteen"], &["sixteen"], &["seventeen"], &["eighteen"],
    &["nineteen"], &["twenty"], &["thirty"], &["forty"], &["fifty"], &["sixty"], &["seventy"], &["eighty"], &["ninety"],
    &["hundred"], &["thousand"], &["million"], &["billion"], &["dozen"], &["half"], &["quarter"], &["once"], &["twice"],
    &["first"], &["second"], &["third"], &["fourth"], &["fifth"], &["sixth"], &["seventh"], &["eighth"], &["ninth"], &["tenth"],
];

#[rustfmt::skip] // as above
/// Words with 一 in which it counts nothing.
const ONE_IS_NO_NUMBER: &[&str] = &["一下", "一起", "一些", "一样", "一樣", "一定", "一直", "一般"];

#[rustfmt::skip] // as above
/// Days, months, times of the day. 周一 to 周六 are told apart by their numbers.
const TIMES: &[&[&str]] = &[
    &["monday", "mon"], &["tuesday", "tue", "tues"], &["wednesday", "wed"], &["thursday", "thu", "thur", "thurs"],
    &["friday", "fri"], &["saturday", "sat"], &["sunday", "sun"],
    &["周日", "週日", "周天", "週天", "星期日", "星期天", "礼拜天", "禮拜天", "礼拜日", "禮拜日"], &["周末", "週末"], &["weekend"],
    &["january", "jan"], &["february", "feb"], &["march", "mar"], &["april", "apr"], &["may"], &["june", "jun"],
    &["july", "jul"], &["august", "aug"], &["september", "sep", "sept"], &["october", "oct"], &["november", "nov"],
    &["december", "dec"],
    &["yesterday"], &["today"], &["tonight"], &["tomorrow"], &["last"], &["next"],
    &["前天"], &["昨天", "昨日"], &["今天", "今日"], &["明天", "明日"], &["后天", "後天"], &["大后天", "大後天"], &["昨晚"],
    &["今晚"], &["明晚"], &["今早"], &["明早"], &["去年"], &["今年"], &["明年"],
    &["上周", "上週", "上星期"], &["本周", "本週", "这周", "這週"], &["下周", "下週", "下星期"], &["上个月", "上個月", "上月"],
    &["这个月", "這個月", "本月"], &["下个月", "下個月", "下月"],
    &["morning"], &["noon"], &["afternoon"], &["evening"], &["midnight"],
    &["凌晨"], &["早上"], &["上午"], &["中午"], &["下午"], &["晚上"],
];

#[rustfmt::skip] // as above
/// Words that deny.
const DENIALS: &[&str] = &[
    "不", "没", "沒", "无", "無", "未", "非", "别", "別", "勿", "莫", "甭", "否",
    "not", "no", "never", "none", "nothing", "nobody", "nowhere", "neither", "nor", "cannot", "without", "unable",
    "don't", "doesn't", "didn't", "won't", "can't", "couldn't", "wouldn't", "shouldn't", "isn't", "aren't", "wasn't",
    "weren't", "hasn't", "haven't", "hadn't", "needn't", "mustn't", "mightn't", "shan't", "ain't",
];

#[rustfmt::skip] // as above
/// Words with such a character that deny nothing, whatever stands around them. (不错 is not here: it may
/// be the beginning of 不错过.)
const NO_DENIALS: &[&str] = &[
    "特别", "特別", "别人", "別人", "分别", "分別", "区别", "區別", "差别", "差別", "级别", "級別", "性别", "性別", "个别", "個別",
    "识别", "識別", "非常", "对不起", "對不起", "不好意思", "差不多", "不但", "不仅", "不僅",
];

#[rustfmt::skip] // as above
/// Units. A spelling of two units has a name of its own, such as 分.
const UNITS: &[&[&str]] = &[
    &["%", "percent", "per cent", "pct"], &["‰"], &["percentage point", "percentage points", "个百分点", "個百分點"],
    &["celsius", "°c", "℃", "摄氏度", "攝氏度"], &["fahrenheit", "°f", "℉", "华氏度", "華氏度"], &["degree", "°", "degrees", "度"],
    &["yuan", "元", "块", "塊", "块钱", "塊錢", "人民币", "人民幣", "rmb", "cny"], &["角", "毛"], &["分"], &["cent", "cents"],
    &["dollar", "dollars", "usd", "bucks", "美元", "美金"], &["euro", "euros", "eur", "欧元", "歐元"],
    &["sterling", "gbp", "英镑", "英鎊"], &["yen", "jpy", "日元", "日圓"], &["rupee", "rupees", "inr"],
    &["hour", "hours", "hr", "hrs", "h", "小时", "小時", "个小时", "個小時", "钟头", "鐘頭", "个钟头", "個鐘頭"],
    &["minute", "minutes", "min", "mins", "分钟", "分鐘"], &["second", "seconds", "sec", "secs", "s", "秒", "秒钟", "秒鐘"],
    &["o'clock", "点", "點", "点钟", "點鐘", "时", "時"], &["点半", "點半"], &["am", "a.m."], &["pm", "p.m."], &["刻"], &["刻钟", "刻鐘"],
    &["号", "號", "日"], &["day", "days", "天"], &["week", "weeks", "周", "週", "星期", "个星期", "個星期", "礼拜", "禮拜"],
    &["month", "months", "个月", "個月"], &["月", "月份"], &["year", "years", "年"], &["th", "st", "nd", "rd"],
    &["km", "kilometre", "kilometres", "kilometer", "kilometers", "公里", "千米"],
    &["m", "metre", "metres", "meter", "meters", "米", "公尺"], &["cm", "厘米", "公分"], &["mm", "毫米"],
    &["mile", "miles", "mi", "英里"], &["foot", "feet", "ft", "英尺"], &["inch", "inches", "英寸"], &["里"], &["尺"], &["寸"],
    &["kg", "kilo", "kilos", "kilogram", "kilograms", "公斤", "千克"], &["g", "gram", "grams", "克"], &["mg", "毫克"], &["斤"],
    &["ton", "tons", "tonne", "tonnes", "t", "吨", "噸"], &["pound", "pounds", "lb", "lbs", "磅"], &["ounce", "ounces", "oz"],
    &["l", "litre", "litres", "liter", "liters", "升"], &["ml", "毫升"], &["kb"], &["mb"], &["gb"], &["tb"],
    &["box", "boxes"], &["pack", "packs"], &["pair", "pairs"], &["bottle", "bottles"], &["bag", "bags"], &["piece", "pieces"],
    &["箱"], &["盒"], &["包"], &["瓶"], &["袋"], &["打"], &["件"], &["双", "雙"], &["套"], &["人"], &["次"], &["楼", "樓"], &["层", "層"],
];
