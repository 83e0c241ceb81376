"""Traditional forms of the simplified characters that the Chinese rules use.

A table and no library: the rules need some 400 characters, OpenCC and its peers bring several
megabytes of dictionaries and would have to convert every message. Here the expression itself
matches both forms and the message is left alone. A rule with a new character needs its pair here;
`tests` convert every example both ways.
"""

from collections.abc import Mapping
from types import MappingProxyType

# The first character of each word is simplified, the others are its traditional and regional forms.
_PAIRS = """
    万萬 与與 专專 业業 东東 丢丟 两兩 严嚴 丧喪 个個箇 为爲為 举舉 么麼 书書
    买買 乱亂 了瞭 于於 产產 亲親 仅僅 从從 们們 价價 仿彷 众衆眾 会會 传傳 伤傷
    伪僞偽 体體 修脩 借藉 偿償 兑兌 关關 兴興 决決 况況 净淨 减減 凑湊 几幾 凭憑
    凶兇 出齣 划劃 刚剛 别別彆 制製 劝勸 办辦 务務 动動 劲勁 医醫 千韆 升昇 协協
    单單 卖賣 占佔 卫衛衞 却卻 厂廠 厉厲 压壓 发發髮 变變 只隻祇衹 台臺檯颱枱 号號
    吃喫 合閤 同衕 后後 向嚮曏 吓嚇 吗嗎 听聽 启啓啟 呕嘔 员員 周週賙 咨諮 响響
    嚣囂 回迴 图圖 场場 坏壞 坚堅 坛壇罈 处處 复復複覆 够夠 头頭 夸誇 夺奪 奸姦
    妈媽 实實 审審 家傢 对對 导導 将將 尔爾 尽盡儘 局侷 岂豈 巨鉅 布佈 师師 帐帳
    帮幫 干幹乾 并並併 库庫 应應 废廢 开開 异異 张張 强強 当當噹 录錄彔 径徑 忧憂
    怀懷 态態 恶惡噁 恼惱 愤憤 户戶 才纔 扣釦 扫掃 扰擾 折摺 护護 报報 抵牴 担擔
    拥擁 拨撥 挂掛 损損 换換 搜蒐 摊攤 数數 断斷 无無 旧舊 时時 显顯 晒曬 晓曉
    晕暈 机機 杀殺 权權 条條 来來 板闆 极極 构構 标標 样樣 核覈 检檢 楼樓 横橫
    欢歡 残殘 毁毀燬譭 气氣 沟溝 没沒 注註 泻瀉 洒灑 涂塗 涨漲 渗滲 温溫 游遊
    溃潰 滚滾 满滿 滥濫 灵靈 灿燦 点點 烂爛 烟煙菸 烦煩 烧燒 烫燙 热熱 爱愛 猫貓
    玛瑪 玩翫 现現 电電 画畫 畅暢 痒癢 监監 盗盜 着著 礼禮 离離 私俬 种種 称稱
    税稅 稳穩 签籤簽 简簡 篓簍 类類 系係繫 紧緊 红紅 约約 级級 纪紀 线線 细細
    终終 绍紹 经經 结結 给給 绝絕 继繼 续續 维維 缩縮 网網 罚罰 耻恥 联聯 肃肅
    肿腫 胁脅 胶膠 脏髒臟 脱脫 脸臉 腾騰 致緻 苍蒼 荐薦 药藥葯 蒙矇濛懞 蓝藍 虚虛
    虫蟲 蚁蟻 蚂螞 蛮蠻 蜗蝸 蝇蠅 补補 表錶 装裝 见見 观觀 规規 视視 觉覺 触觸
    誉譽 订訂 认認 讨討 让讓 训訓 议議 记記 讲講 许許 论論 讼訟 讽諷 设設 证證証
    评評 诈詐 诉訴 诊診 词詞 诚誠 话話 询詢 该該 语語 误誤 说說説 请請 诺諾 诿諉
    调調 谎謊 谨謹 谱譜 谴譴 负負 责責 败敗 账賬 货貨 质質 贪貪 购購 贴貼 贵貴
    费費 贼賊 赔賠 赖賴 赞贊讚 赠贈 赶趕 车車 软軟 轻輕 载載 较較 辈輩 辩辯 达達
    过過 还還 这這 进進 远遠 违違 连連 迟遲 适適 选選 递遞 遗遺 邮郵 郁鬱 释釋
    里裏裡 钟鍾鐘鈡 钱錢 银銀 销銷 锅鍋 锈鏽 错錯 长長 门門 闪閃 问問 间間 闷悶
    闹鬧 闻聞 陈陳 险險 隐隱 难難 霉黴 面麪麵 页頁 须須鬚 顾顧 顿頓 预預 领領
    颗顆 题題 额額 馈饋 马馬 骂罵 验驗 骗騙 骚騷 鲜鮮 鸡雞 齐齊 龟龜
"""

TRADITIONAL: Mapping[str, str] = MappingProxyType({pair[0]: pair[1:] for pair in _PAIRS.split()})
"""Simplified character to its other forms."""
