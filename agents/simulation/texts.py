"""What simulated people write and say, in Chinese and English.

A text is an opening, a body and a closing drawn apart, so that a few hundred sentences make many
thousand texts. `{order}`, `{days}` and `{amount}` are filled in per contact.
"""

from collections.abc import Mapping, Sequence

Lines = Sequence[str]

CATEGORIES: tuple[str, ...] = (
    "delivery",
    "quality",
    "refund",
    "billing",
    "service",
    "account",
    "website",
)

OPENINGS: Mapping[str, Lines] = {
    "zh": (
        "",
        "",
        "",
        "你好,",
        "您好,",
        "在吗?",
        "请问一下,",
        "麻烦看一下,",
        "客服你好,",
        "老客户了,",
    ),
    "en": (
        "",
        "",
        "",
        "Hi, ",
        "Hello, ",
        "Good morning, ",
        "Dear team, ",
        "Hey, ",
        "To whom it may concern, ",
        "Hi again, ",
    ),
}

COMPLAINTS: Mapping[str, Mapping[str, Lines]] = {
    "zh": {
        "delivery": (
            "订单{order}说好三天到,现在都{days}天了还没影,太慢了。",
            "快递显示已签收,可我根本没收到货,订单{order}。",
            "物流{days}天没更新,催了两次也没人理。",
            "包裹到的时候外箱都压烂了,里面的东西也碎了。",
            "送货员没打电话就把东西扔在楼下,结果丢了。",
            "订单{order}送错地址了,让我自己去取,这合理吗?",
            "说好今天送装,等了一整天没人来,请假白请了。",
            "一个订单拆成三个包裹,到现在还差一个,没人能说清在哪。",
        ),
        "quality": (
            "收到的商品是坏的,根本开不了机,订单{order}。",
            "用了{days}天就坏了,质量太差。",
            "跟图片完全不一样,颜色尺寸都不对,感觉被骗了。",
            "里面少了配件,说明书也没有,怎么用?",
            "东西有股很重的味道,孩子都不敢碰。",
            "屏幕上有划痕,明显是别人退回来的旧货。",
            "充电的时候发烫冒烟,太危险了,你们必须给个说法。",
            "保质期只剩两个星期,这样的东西也敢发?",
        ),
        "refund": (
            "退货寄回去{days}天了,{amount}元还没退给我。",
            "说好三个工作日退款,到现在一分钱没看到。",
            "订单{order}取消了,钱为什么还扣着?",
            "退款申请被拒了三次,每次理由都不一样。",
            "只退了一半,剩下的{amount}元去哪了?",
            "让我自己承担退货运费,明明是你们发错货。",
            "再不退款我就打12315投诉了。",
        ),
        "billing": (
            "订单{order}被扣了两次款,赶紧查一下。",
            "账单上多了{amount}元,我没买过这个。",
            "自动续费没有任何提醒就扣钱,这是乱收费。",
            "优惠券明明有效,结账的时候却没有减。",
            "发票抬头开错了,催了{days}天还没重开。",
            "昨天买的今天就降价,价保申请又说不符合,太坑了。",
        ),
        "service": (
            "打了四次电话,每次换一个人,每次都要从头说一遍。",
            "客服态度非常差,话没说完就挂我电话。",
            "答应二十四小时内回复,现在{days}天了没有任何消息。",
            "机器人转来转去就是不给转人工,浪费时间。",
            "工单被关掉了,问题根本没解决。",
            "一个部门推一个部门,到底谁负责?",
            "投诉了也没用,我要找你们经理。",
        ),
        "account": (
            "账号无缘无故被冻结,里面还有余额{amount}元。",
            "验证码一直收不到,{days}天登录不了。",
            "有人用我的账号下单,你们的安全措施在哪里?",
            "会员等级被降了,没有任何通知。",
            "换了手机号以后什么都登不上,客服说没办法。",
            "注销账号点了提交,{days}天了还在收你们的短信。",
        ),
        "website": (
            "付款页面一直转圈,钱扣了订单没生成。",
            "你们的APP一打开就闪退,更新了也没用。",
            "从早上开始网站就打不开,还做不做生意了?",
            "提交订单报错,试了十几次都不行。",
            "小程序里看不到订单{order},怎么申请售后?",
            "搜索出来全是没货的,页面还卡得要命。",
        ),
    },
    "en": {
        "delivery": (
            "order {order} was promised in three days and it has been {days}. Where is it?",
            "tracking says delivered but I never received anything. Order {order}.",
            "no tracking update for {days} days and nobody answers my questions.",
            "the box arrived crushed and half of the contents are broken.",
            "the driver left the parcel in the rain without ringing the bell.",
            "order {order} went to the wrong address and now I am told to collect it myself?",
            "I took a day off for the delivery and nobody showed up.",
            "two of the three parcels arrived, and no one can tell me where the last one is.",
        ),
        "quality": (
            "the item from order {order} is defective, it does not even switch on.",
            "it broke after {days} days. This is really poor quality.",
            "what I received looks nothing like the pictures on your site.",
            "parts are missing and there is no manual in the box.",
            "it smells terrible and I am not letting my kids near it.",
            "there are scratches all over the screen, this is clearly a used one.",
            "it started smoking while charging. This is dangerous and unacceptable.",
            "the battery lasts an hour, you advertise twelve.",
        ),
        "refund": (
            "I returned order {order} {days} days ago and still have no refund.",
            "you promised my money back within three days. Nothing has arrived.",
            "the order was cancelled, so why am I still charged {amount}?",
            "my refund was refused three times, each time for a different reason.",
            "only half was refunded. Where are the other {amount}?",
            "why do I have to pay return postage for your mistake?",
            "if I do not see my refund this week I will dispute it with my bank.",
        ),
        "billing": (
            "I was charged twice for order {order}. Please fix this at once.",
            "there is a charge of {amount} on my card that I never agreed to.",
            "you renewed my subscription without any notice. I want that money back.",
            "the voucher was valid but the checkout ignored it.",
            "my invoice shows the wrong company name and I asked {days} days ago.",
            "the price dropped the day after I bought it and your price promise was refused.",
        ),
        "service": (
            "this is my fourth call and every time I have to start from the beginning.",
            "your colleague was rude and hung up on me.",
            "I was promised an answer within 24 hours, that was {days} days ago.",
            "the bot keeps going round in circles and will not let me talk to a person.",
            "my ticket was closed although nothing has been solved.",
            "one department sends me to the next. Who is responsible here?",
            "I am fed up and want to speak to a manager.",
        ),
        "account": (
            "my account was locked for no reason and my balance of {amount} is in it.",
            "I have not been able to log in for {days} days, the code never arrives.",
            "somebody ordered from my account. How could that happen?",
            "my membership was downgraded without a word.",
            "since I changed my phone number nothing works and support cannot help.",
            "I closed my account {days} days ago and still get your messages.",
        ),
        "website": (
            "the payment page froze, the money is gone and there is no order.",
            "your app crashes every time I open it, even after the update.",
            "your site has been down since this morning. Are you still in business?",
            "I get an error when I submit the order, tried it a dozen times.",
            "order {order} does not show in my account, so how can I return it?",
            "search shows only sold out items and every page takes forever.",
        ),
    },
}

QUESTIONS: Mapping[str, Lines] = {
    "zh": (
        "订单{order}什么时候能发货?",
        "这款有没有黑色的?",
        "可以改一下收货地址吗?订单{order}还没发。",
        "怎么开增值税专用发票?",
        "七天无理由退货从哪天开始算?",
        "请问周末送货吗?",
        "会员积分什么时候到期?",
        "这个型号支持5G吗?",
        "能不能帮我查一下订单{order}到哪了?",
        "换货需要把原包装寄回去吗?",
        "可以分期付款吗,几期免息?",
        "生日券怎么领?",
        "安装要不要另外收费?",
        "企业采购有没有优惠,大概要三十台。",
        "海外可以用吗,需不需要转接头?",
        "保修是两年还是三年?",
    ),
    "en": (
        "when will order {order} ship?",
        "do you have this in black?",
        "can I change the delivery address of order {order}?",
        "how do I get a VAT invoice?",
        "from which day do the 14 days for returns count?",
        "do you deliver on Saturdays?",
        "when do my points expire?",
        "does this model support 5G?",
        "could you tell me where order {order} is right now?",
        "do I need the original packaging for an exchange?",
        "is it possible to pay in instalments?",
        "how do I redeem a gift card?",
        "is installation included in the price?",
        "do you offer a discount for thirty units?",
        "which plug does it come with?",
        "is the warranty two or three years?",
    ),
}

CHASES: Mapping[str, Lines] = {
    "zh": (
        "我之前反映过订单{order}的问题,怎么还没人处理?",
        "已经是第三次联系你们了,到底管不管?",
        "等了{days}天没有任何回复,太失望了。",
        "催一下,订单{order}的事情进展如何?",
        "再没有人回复我,我就去消协投诉。",
        "昨天说今天回电,电话呢?",
        "我要投诉,问题拖了这么久没人负责。",
        "你们是不是打算一直拖下去?",
        "麻烦升级处理,我不想再重复第五遍了。",
    ),
    "en": (
        "I wrote about order {order} before and still nobody has taken care of it.",
        "this is the third time I contact you. Is anyone there?",
        "{days} days without a reply. I am very disappointed.",
        "any news about order {order}? I am still waiting.",
        "if nobody answers me today I will file a complaint with consumer protection.",
        "you promised to call me back yesterday. Nobody called.",
        "I want to complain formally about how long this takes.",
        "please escalate this, I am not going to explain it a fifth time.",
    ),
}

THANKS: Mapping[str, Lines] = {
    "zh": (
        "收到了,谢谢!",
        "好的,明白了,辛苦。",
        "问题解决了,非常感谢。",
        "太好了,处理得真快。",
        "谢谢你的耐心解释。",
        "行,那我等通知。",
        "退款到账了,谢谢客服小姐姐。",
        "👍",
        "给你五星好评。",
    ),
    "en": (
        "got it, thanks!",
        "okay, that explains it. Thank you.",
        "it works now, thanks a lot.",
        "great, that was fast.",
        "thank you for being so patient.",
        "fine, I will wait for your message then.",
        "refund arrived, thank you.",
        "perfect 👍",
        "you have been very helpful.",
    ),
}

CLOSINGS: Mapping[str, Lines] = {
    "zh": (
        "",
        "",
        "",
        "谢谢。",
        "请尽快处理!",
        "等你们回复。",
        "急!",
        "麻烦了。",
        "希望给个答复。",
    ),
    "en": (
        "",
        "",
        "",
        " Thanks.",
        " Please reply as soon as possible.",
        " I expect an answer today.",
        " Please help.",
        " Waiting for your answer.",
        " Kind regards",
    ),
}

REPLIES: Mapping[str, Lines] = {
    "zh": (
        "您好,您反映的情况我已记录,马上为您核实。",
        "非常抱歉给您带来不便,我已联系仓库核查订单{order}。",
        "您好,已为您加急处理,预计今天内有结果。",
        "实在抱歉让您久等了,我来为您跟进到底。",
        "您方便提供一下照片吗?我这边帮您申请售后。",
        "我理解您的心情,已经把问题转给负责的同事。",
        "已查到物流信息,包裹目前在转运中心,我会继续盯着。",
        "稍后会有专员给您回电,请保持电话畅通。",
    ),
    "en": (
        "Hello, I have noted what happened and am looking into it right now.",
        "I am sorry for the trouble. I have asked the warehouse about order {order}.",
        "I have given this priority; you will hear from us today.",
        "Apologies for the long wait. I will follow this through for you.",
        "Could you send us a photo? I will start the return for you.",
        "I understand how annoying this is and have passed it to the team in charge.",
        "I found the parcel, it is at the sorting centre. I will keep an eye on it.",
        "A colleague will call you back shortly, please keep your phone at hand.",
    ),
}

SOLUTIONS: Mapping[str, Lines] = {
    "zh": (
        "退款{amount}元已提交,一到三个工作日到账。",
        "新的商品今天发出,旧的不用寄回。",
        "多扣的款项已原路退回,请您查收。",
        "账号已恢复正常,您可以重新登录。",
        "已为您补发缺少的配件,另送一张优惠券表示歉意。",
        "地址已修改,明天上午重新派送。",
        "发票已重开并发到您的邮箱。",
    ),
    "en": (
        "Your refund of {amount} is on its way and takes one to three working days.",
        "A replacement leaves today; there is no need to return the old one.",
        "The double charge has been reversed.",
        "Your account works again, please log in once more.",
        "The missing parts are in the mail, with a voucher as an apology.",
        "The address is corrected; the parcel will be delivered again tomorrow morning.",
        "The new invoice has just been sent to your mailbox.",
    ),
}

BOT_GREETINGS: Mapping[str, Lines] = {
    "zh": (
        "您好,我是智能助手,请问有什么可以帮您?",
        "欢迎光临!回复 1 查物流,2 退换货,3 转人工。",
        "亲,您的问题我正在学习中,您可以换个说法试试。",
    ),
    "en": (
        "Hello, I am the virtual assistant. How can I help?",
        "Welcome! Reply 1 for delivery, 2 for returns, 3 for a person.",
        "I am not sure I understood. Could you say it differently?",
    ),
}

AUTO_REPLIES: Mapping[str, Lines] = {
    "zh": (
        "您的来信已收到,工单已创建,我们会尽快回复。",
        "系统自动回复:我们已收到您的邮件,请勿重复发送。",
    ),
    "en": (
        "We have received your message and opened a ticket. We will reply soon.",
        "This is an automatic confirmation. Please do not send your message again.",
    ),
}

OUT_OF_OFFICE: Mapping[str, Lines] = {
    "zh": ("我正在休假,下周一回来后回复您。", "自动回复:出差中,急事请打电话。"),
    "en": (
        "I am out of the office until Monday and will answer when I am back.",
        "Automatic reply: travelling this week with little access to mail.",
    ),
}

NEWSLETTERS: Lines = (
    "Ten ideas to improve your supply chain this quarter",
    "本周行业资讯:仓储自动化的五个趋势",
    "Invitation: trade fair early bird tickets end on Friday",
    "限时优惠:企业采购满一万减一千",
    "Your weekly digest of logistics news",
    "Unsubscribe at any time: spring offers inside",
)

SUBJECTS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "delivery": "订单{order}物流问题",
        "quality": "商品质量问题 订单{order}",
        "refund": "退款 {order}",
        "billing": "扣款异常",
        "service": "对服务不满意",
        "account": "账号问题",
        "website": "网站无法使用",
        "question": "咨询",
    },
    "en": {
        "delivery": "Where is order {order}?",
        "quality": "Problem with order {order}",
        "refund": "Refund for {order}",
        "billing": "Wrong charge",
        "service": "Your service",
        "account": "My account",
        "website": "Website problem",
        "question": "A question",
    },
}

REVIEWS_GOOD: Mapping[str, Lines] = {
    "zh": (
        "质量很好,物流也快,下次还来。",
        "用了{days}天,很满意。",
        "包装仔细,和描述一致。",
        "性价比高,推荐。",
    ),
    "en": (
        "Great value, arrived quickly.",
        "Used it for {days} days and I am happy with it.",
        "Well packed and exactly as described.",
        "Does what it should, would buy again.",
    ),
}

REVIEWS_BAD: Mapping[str, Lines] = {
    "zh": (
        "差评,用了{days}天就坏了。",
        "和图片不符,售后还推来推去。",
        "太失望了,不会再买。",
        "客服不理人,东西也一般。",
    ),
    "en": (
        "Broke after {days} days. Avoid.",
        "Not as pictured and support is useless.",
        "Very disappointed, never again.",
        "Nobody answers when something goes wrong.",
    ),
}

PAGE_PROBLEMS: Lines = (
    "checkout: payment provider timed out",
    "cart: 500 from /api/cart",
    "login: code not accepted",
    "search: no results for a product in stock",
    "product page: image failed to load",
    "returns: label could not be created",
)
