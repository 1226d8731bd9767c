package wording

import threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"

// trait is what a trigger has of its own.
type trait struct {
	trigger threadv1.Trigger
	slugs   []string
	en, bg  string // the texts that Parley brings along
}

// Slugs that a text may have besides variables.
const (
	agentName   = "AgentName"
	queueName   = "QueueName"
	position    = "Position"
	waitMinutes = "WaitMinutes"
)

// traits are those of all triggers, in the order of a conversation. A slug
// stands only where there always is something to put in its place; but for the
// wait, without which another text serves.
func traits() []trait {
	agent, agentQueue, queue := []string{agentName}, []string{agentName, queueName}, []string{queueName}
	return []trait{
		{threadv1.Trigger_TRIGGER_NOTICE, nil,
			"This conversation is recorded and kept, so that we can answer you and improve our service.",
			"Този разговор се записва и съхранява, за да можем да Ви отговорим и да подобряваме работата си."},
		{threadv1.Trigger_TRIGGER_GREETING, nil,
			"Hello! Thank you for writing to us. We have your message.",
			"Здравейте! Благодарим, че ни писахте. Получихме съобщението Ви."},
		{threadv1.Trigger_TRIGGER_OUT_OF_HOURS, queue,
			"We are closed at the moment. We will answer you when we open.",
			"В момента не работим. Ще Ви отговорим, щом отворим."},
		{threadv1.Trigger_TRIGGER_HOLIDAY, queue,
			"We are closed for the holiday. We will answer you when we are back.",
			"Днес почиваме заради празника. Ще Ви отговорим, щом се върнем на работа."},
		{threadv1.Trigger_TRIGGER_POSITION_IN_QUEUE, []string{position, waitMinutes, queueName},
			"You are number {Position} in line.",
			"Номерът Ви на опашката е {Position}."},
		{threadv1.Trigger_TRIGGER_NEXT_IN_LINE, []string{waitMinutes, queueName},
			"You are next in line.",
			"Вие сте на ред."},
		{threadv1.Trigger_TRIGGER_AGENT_NOT_ASSIGNED, nil,
			"Nobody can take your conversation at the moment. We have your message and will come back to you.",
			"В момента няма кой да поеме разговора. Получихме съобщението Ви и ще се свържем с Вас."},
		{threadv1.Trigger_TRIGGER_AGENT_ASSIGNED, agentQueue,
			"{AgentName} will help you.",
			"Ще Ви помогне {AgentName}."},
		{threadv1.Trigger_TRIGGER_AGENT_JOINED, agentQueue,
			"{AgentName} has joined the conversation.",
			"{AgentName} се включи в разговора."},
		{threadv1.Trigger_TRIGGER_TRANSFER_ACCEPTED, agentQueue,
			"{AgentName} has taken over the conversation.",
			"{AgentName} пое разговора."},
		{threadv1.Trigger_TRIGGER_AGENT_DISCONNECTED, agentQueue,
			"We lost the connection to {AgentName}. Someone else will be with you shortly.",
			"Връзката с {AgentName} прекъсна. Скоро друг наш колега ще продължи разговора."},
		{threadv1.Trigger_TRIGGER_CONSULT_ACCEPTED, agent,
			"{AgentName} has been asked for advice.",
			"По въпроса Ви се допитахме до {AgentName}."},
		{threadv1.Trigger_TRIGGER_CONSULTANT_JOINED, agent,
			"{AgentName} has joined the conversation.",
			"{AgentName} се включи в разговора."},
		{threadv1.Trigger_TRIGGER_CONSULTANT_LEFT, agent,
			"{AgentName} has left the conversation.",
			"{AgentName} напусна разговора."},
		{threadv1.Trigger_TRIGGER_CONSULT_ENDED, agent,
			"The consultation with {AgentName} is over.",
			"Консултацията с {AgentName} приключи."},
		{threadv1.Trigger_TRIGGER_AGENT_ENDED, agentQueue,
			"{AgentName} has ended the conversation. Write to us whenever you need us again.",
			"{AgentName} приключи разговора. Пишете ни отново, когато имате нужда."},
		{threadv1.Trigger_TRIGGER_SESSION_ENDED, nil,
			"This conversation is closed. Write to us to begin another.",
			"Разговорът е приключен. Пишете ни, за да започнете нов."},
		{threadv1.Trigger_TRIGGER_OVERFLOW_ENDED, nil,
			"We are sorry, we cannot take your conversation at the moment. Please write to us again later.",
			"За съжаление в момента не можем да поемем разговора. Моля, пишете ни отново по-късно."},
		{threadv1.Trigger_TRIGGER_CUSTOMER_DISCONNECTED, nil,
			"Messages no longer reach this customer: the page may be blocked, or the account gone.",
			"Съобщенията вече не достигат този клиент: може да е блокирал страницата или профилът му да е закрит."},
	}
}

func traitOf(trigger threadv1.Trigger) trait {
	for _, t := range traits() {
		if t.trigger == trigger {
			return t
		}
	}
	return trait{}
}

// Settable tells whether an automated message may be for the trigger; workstreams
// set what the others say.
func Settable(trigger threadv1.Trigger) bool { return traitOf(trigger).en != "" }

// Standard is the text that Parley brings along in a language, "en" or "bg";
// empty for another.
func Standard(trigger threadv1.Trigger, language string) string {
	switch t := traitOf(trigger); language {
	case english:
		return t.en
	case "bg":
		return t.bg
	}
	return ""
}

// Agreement are the two answers to a notice that asks for consent, in a
// language; in English where Parley brings none along.
func Agreement(language string) (yes, no string) {
	if base(language) == "bg" {
		return "Съгласявам се", "Не се съгласявам"
	}
	return "I agree", "I do not agree"
}
