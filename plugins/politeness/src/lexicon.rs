//! The words. Only such as are rude wherever they stand: what is often said of things or meant well is
//! in longer phrases only, or not here at all (`滚开` of water, `脑残` in a surgery, `人渣` in 本人渣打, `get lost` on a trail).

#[rustfmt::skip] // a table: one entry per line would be four pages
/// Rude Chinese words in both scripts, each with what to say instead ("" where nothing fits).
pub(crate) const RUDE_ZH: &[(&str, &str)] = &[
    // What people are called.
    ("白痴", ""), ("白癡", ""), ("傻逼", ""), ("傻屄", ""), ("煞笔", ""), ("煞筆", ""), ("笨蛋", ""), ("蠢货", ""), ("蠢貨", ""),
    ("蠢猪", ""), ("蠢豬", ""), ("蠢材", ""), ("猪脑子", ""), ("豬腦子", ""), ("你这废物", ""), ("你這廢物", ""),
    ("你这个废物", ""), ("你這個廢物", ""), ("窝囊废", ""), ("窩囊廢", ""), ("你脑残", ""), ("你腦殘", ""), ("你弱智", ""),
    ("你神经病", ""), ("你神經病", ""), ("神经病啊", ""), ("神經病啊", ""), ("混蛋", ""), ("混账东西", ""), ("混帳東西", ""),
    ("王八蛋", ""), ("龟孙子", ""), ("龜孫子", ""), ("狗东西", ""), ("狗東西", ""), ("狗娘养的", ""), ("狗娘養的", ""),
    ("狗杂种", ""), ("狗雜種", ""), ("老不死的", "老人家"), ("臭婆娘", ""), ("贱人", ""), ("賤人", ""), ("贱货", ""), ("賤貨", ""),
    ("婊子", ""), ("丑八怪", ""), ("醜八怪", ""), ("死胖子", ""), ("乡巴佬", ""), ("鄉巴佬", ""), ("穷鬼", ""), ("窮鬼", ""),
    ("真不要脸", ""), ("真不要臉", ""), ("臭不要脸", ""), ("臭不要臉", ""),
    // What people are told.
    ("闭嘴", "先听我说"), ("閉嘴", "先聽我說"), ("给我闭嘴", "请先听我说"), ("給我閉嘴", "請先聽我說"), ("给我滚", "请离开"),
    ("給我滾", "請離開"), ("给我滚开", "请让一让"), ("給我滾開", "請讓一讓"), ("给我滚出去", "请出去"), ("給我滾出去", "請出去"),
    ("滚蛋", "离开"), ("滾蛋", "離開"), ("去死吧", ""), ("你去死", ""), ("去你的吧", ""), ("去你妈的", ""), ("去你媽的", ""),
    ("你有病吧", ""), ("你有毛病", ""), ("少废话", "请说重点"), ("少廢話", "請說重點"), ("废话少说", "请说重点"),
    ("廢話少說", "請說重點"), ("胡说八道", ""), ("胡說八道", ""), ("放狗屁", ""), ("放你的屁", ""), ("狗屁不通", ""),
    ("瞎了你的", ""), ("你瞎吗", ""), ("你瞎嗎", ""), ("你聋了吗", ""), ("你聾了嗎", ""), ("没长眼", ""), ("沒長眼", ""),
    ("没长脑子", ""), ("沒長腦子", ""), ("听不懂人话", ""), ("聽不懂人話", ""), ("不识抬举", ""), ("不識抬舉", ""),
    ("给脸不要脸", ""), ("給臉不要臉", ""), ("你算老几", ""), ("你算老幾", ""), ("你算什么东西", ""), ("你算什麼東西", ""),
    ("关你屁事", "恕难奉告"), ("關你屁事", "恕難奉告"), ("关我屁事", "恕我无能为力"), ("關我屁事", "恕我無能為力"),
    ("关你什么事", "恕难奉告"), ("關你什麼事", "恕難奉告"), ("懒得理你", ""), ("懶得理你", ""), ("爱买不买", ""),
    ("愛買不買", ""), ("爱信不信", ""), ("愛信不信", ""), ("自己不会看吗", ""), ("自己不會看嗎", ""), ("问那么多干嘛", ""),
    ("問那麼多幹嘛", ""), ("你烦不烦", ""), ("你煩不煩", ""), ("你烦死了", ""), ("你煩死了", ""),
    // Oaths.
    ("你他妈", ""), ("你他媽", ""), ("操你妈", ""), ("操你媽", ""), ("草泥马", ""), ("草泥馬", ""),
    ("卧槽", ""), ("臥槽", ""), ("牛逼", "了不起"), ("装逼", ""), ("裝逼", ""),
];

#[rustfmt::skip] // as above
/// Rude English words and phrases; other forms of a word are words of their own.
pub(crate) const RUDE_EN: &[(&str, &str)] = &[
    // What people and things are called.
    ("idiot", ""), ("idiots", ""), ("idiotic", "unwise"), ("moron", ""), ("morons", ""), ("moronic", "unwise"), ("imbecile", ""),
    ("imbeciles", ""), ("stupid", "unwise"), ("stupidity", ""), ("dumbass", ""), ("dumbasses", ""), ("dimwit", ""), ("halfwit", ""),
    ("nitwit", ""), ("blockhead", ""), ("asshole", ""), ("assholes", ""), ("arsehole", ""), ("arseholes", ""), ("jackass", ""),
    ("bastard", ""), ("bastards", ""), ("bitch", ""), ("bitches", ""), ("son of a bitch", ""), ("wanker", ""), ("wankers", ""),
    ("scumbag", ""), ("scumbags", ""), ("douchebag", ""), ("you loser", ""), ("you're useless", ""), ("you are useless", ""),
    ("you're pathetic", ""), ("you are pathetic", ""), ("you're an ass", ""), ("you are an ass", ""), ("how dumb", ""),
    ("dumb question", ""),
    // What people are told.
    ("shut up", "please let me finish"), ("shut your mouth", "please let me finish"), ("go to hell", ""), ("piss off", "please leave"),
    ("sod off", "please leave"), ("bugger off", "please leave"), ("get out of my face", "please leave"), ("up yours", ""),
    ("kiss my ass", ""), ("is none of your business", "is not for me to say"),
    ("that's none of your business", "that's not for me to say"), ("it's none of your business", "it's not for me to say"),
    ("mind your own business", ""), ("nobody asked you", ""),
    ("i couldn't care less", ""), ("don't be daft", ""),
    // Oaths.
    ("damn", ""), ("damned", ""), ("dammit", ""), ("damn it", ""), ("goddamn", ""), ("bloody hell", ""), ("what the hell", ""),
    ("shit", ""), ("shitty", "poor"), ("bullshit", "untrue"), ("crap", ""), ("crappy", "poor"), ("fuck", ""), ("fucks", ""),
    ("fucked", ""), ("fucker", ""), ("fucking", ""), ("fuck off", ""), ("fuck you", ""), ("motherfucker", ""), ("pissed off", "upset"),
    ("wtf", ""), ("stfu", ""), ("gtfo", ""),
];

#[rustfmt::skip] // as above
/// Words that are fine and contain, or run into, a rude one.
pub(crate) const FINE: &[&str] = &[
    "给我滚动", "給我滾動", // of a page
    "卧槽马", "臥槽馬", // in Chinese chess
    "shut up shop",
];

/// Address among friends.
pub(crate) const FAMILIAR: &[&str] = &["你", "妳"];

#[rustfmt::skip] // as above
/// Words in which 你 need not, or must not, become 您: the plural, of which 您 has none, and set phrases.
pub(crate) const ADDRESSES_NOBODY: &[&str] = &[
    "你们", "你們", "妳们", "妳們", "你死我活", "你追我赶", "你追我趕", "你来我往", "你來我往", "你争我夺",
    "你爭我奪", "你争我抢", "你爭我搶", "你情我愿", "你情我願", "你一言我一语", "你一言我一語", "你方唱罢我登场", "你方唱罷我登場",
    "你中有我", "我中有你", "你侬我侬", "你儂我儂", "迷你", "你我他", "你我之间", "你我之間",
];
