//! Ordinary replies, Chinese, English and mixed, and terms such as contracts forbid: nothing in the
//! replies is one of them.

/// The replies.
#[must_use]
pub fn ordinary() -> Vec<&'static str> {
    include_str!("replies.txt").split("\n\n").map(str::trim).collect()
}

/// A hundred terms. The heads of some are words of every day: `我们`, `不要`, `the`, `in`, `a`.
#[must_use]
pub fn terms() -> Vec<&'static str> {
    TERMS.lines().flat_map(|line| line.split('|')).map(str::trim).filter(|term| !term.is_empty()).collect()
}

const TERMS: &str = "
人工智能|大模型|算法|语言模型|系统提示词|内部资料|机密文件|我们的底价|我们内部|竞争对手|不要告诉别人|不要外传
最低价格|绝对保证|稳赚不赔|包治百病|百分之百有效|国家级|世界第一|全网最低|限时秒杀|点击链接|加微信|私下转账
银行卡号|身份证号|验证码是|密码是|博彩|赌场|彩票内幕|代开发票|高利贷|套现|洗钱|走私
处方药|减肥神药|根治|无副作用|内幕消息|操纵股价|保本保息|战略合作伙伴|董事会决议|裁员名单|工资明细|离职补偿
秋后算账|长期合约
AI|LLM|GPT|chatbot|language model|system prompt|as an assistant|internal use only|confidential|trade secret
password|passcode|api key|access token|private key|credit card|social security number|wire transfer|gift card|bitcoin
guaranteed returns|risk free|insider|get rich quick|limited offer|act now|click here|free money|best in the world|miracle cure
lawsuit|liability|class action|the board decided|in the red|a layoff|off the record|between us|do not tell|our margin
competitor|price fixing|kickback|bribe|tax haven|offshore account|leaked|exploit|backdoor|zero day
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_enough_of_both() {
        assert!(ordinary().len() >= 60, "{}", ordinary().len());
        assert_eq!(terms().len(), 100);
        let text = ordinary().concat().to_lowercase();
        let held: Vec<&str> =
            terms().into_iter().filter(|term| term.len() > 3 && text.contains(&term.to_lowercase())).collect();
        assert!(held.is_empty(), "{held:?}");
    }
}
