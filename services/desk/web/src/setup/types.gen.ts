// Written by tools/web from the .proto files; change those instead.
// protojson: zero values are left out, 64-bit numbers are strings, enums are names.

export type Affinity =
  | "AFFINITY_UNSPECIFIED"
  | "AFFINITY_NONE"
  | "AFFINITY_PREFERRED"
  | "AFFINITY_STRICT";

export type AgentOrder =
  | "AGENT_ORDER_UNSPECIFIED"
  | "AGENT_ORDER_LEAST_ACTIVE"
  | "AGENT_ORDER_ROUND_ROBIN"
  | "AGENT_ORDER_UNITS"
  | "AGENT_ORDER_PROFILES"
  | "AGENT_ORDER_PROFICIENCY"
  | "AGENT_ORDER_SKILLS";

export type Assignment =
  | "ASSIGNMENT_UNSPECIFIED"
  | "ASSIGNMENT_HIGHEST_CAPACITY"
  | "ASSIGNMENT_LEAST_ACTIVE"
  | "ASSIGNMENT_ROUND_ROBIN"
  | "ASSIGNMENT_CUSTOM";

export type BotReason =
  | "BOT_REASON_UNSPECIFIED"
  | "BOT_REASON_ASKED"
  | "BOT_REASON_LATE"
  | "BOT_REASON_UNREACHABLE"
  | "BOT_REASON_FAILED"
  | "BOT_REASON_BAD_ANSWER"
  | "BOT_REASON_TOO_LARGE"
  | "BOT_REASON_RESTING"
  | "BOT_REASON_NOT_ALLOWED"
  | "BOT_REASON_REMOVED"
  | "BOT_REASON_FLOODED"
  | "BOT_REASON_UNSENDABLE";

export type CheckStatus =
  | "CHECK_STATUS_UNSPECIFIED"
  | "CHECK_STATUS_OK"
  | "CHECK_STATUS_WARNING"
  | "CHECK_STATUS_FAILED";

export type DesktopNotification =
  | "DESKTOP_NOTIFICATION_UNSPECIFIED"
  | "DESKTOP_NOTIFICATION_NEVER"
  | "DESKTOP_NOTIFICATION_ALWAYS"
  | "DESKTOP_NOTIFICATION_BACKGROUND";

export type Harm =
  | "HARM_UNSPECIFIED"
  | "HARM_LESS"
  | "HARM_STOPS"
  | "HARM_DISCONNECTS";

export type ItemOrder =
  | "ITEM_ORDER_UNSPECIFIED"
  | "ITEM_ORDER_LONGEST_WAITING"
  | "ITEM_ORDER_PRIORITY"
  | "ITEM_ORDER_LAST_MESSAGE";

export type MaskedTexts =
  | "MASKED_TEXTS_UNSPECIFIED"
  | "MASKED_TEXTS_CUSTOMER"
  | "MASKED_TEXTS_AGENT"
  | "MASKED_TEXTS_BOTH";

export type MaskingPreset =
  | "MASKING_PRESET_UNSPECIFIED"
  | "MASKING_PRESET_CREDIT_CARD"
  | "MASKING_PRESET_EMAIL"
  | "MASKING_PRESET_SSN";

export type OverflowAction =
  | "OVERFLOW_ACTION_UNSPECIFIED"
  | "OVERFLOW_ACTION_ASSIGN"
  | "OVERFLOW_ACTION_TRANSFER"
  | "OVERFLOW_ACTION_END";

export type OverflowCondition =
  | "OVERFLOW_CONDITION_UNSPECIFIED"
  | "OVERFLOW_CONDITION_OUT_OF_HOURS"
  | "OVERFLOW_CONDITION_ITEMS";

export type PageState =
  | "PAGE_STATE_UNSPECIFIED"
  | "PAGE_STATE_PENDING"
  | "PAGE_STATE_VERIFYING"
  | "PAGE_STATE_RUNNING"
  | "PAGE_STATE_DEGRADED"
  | "PAGE_STATE_FAILED"
  | "PAGE_STATE_DISCONNECTED";

export type Presence =
  | "PRESENCE_UNSPECIFIED"
  | "PRESENCE_AVAILABLE"
  | "PRESENCE_BUSY"
  | "PRESENCE_DO_NOT_DISTURB"
  | "PRESENCE_AWAY"
  | "PRESENCE_OFFLINE"
  | "PRESENCE_INACTIVE";

export type ProfileReset =
  | "PROFILE_RESET_UNSPECIFIED"
  | "PROFILE_RESET_IMMEDIATE"
  | "PROFILE_RESET_END_OF_DAY";

export type QuestionCheck =
  | "QUESTION_CHECK_UNSPECIFIED"
  | "QUESTION_CHECK_NUMBER"
  | "QUESTION_CHECK_EMAIL"
  | "QUESTION_CHECK_PHONE"
  | "QUESTION_CHECK_PATTERN";

export type RuleOutcome =
  | "RULE_OUTCOME_UNSPECIFIED"
  | "RULE_OUTCOME_APPLIED"
  | "RULE_OUTCOME_NOT_MATCHED"
  | "RULE_OUTCOME_FAILED"
  | "RULE_OUTCOME_TOO_LATE"
  | "RULE_OUTCOME_DISABLED";

export type Silence =
  | "SILENCE_UNSPECIFIED"
  | "SILENCE_CUSTOMER"
  | "SILENCE_AGENT";

export type SkillMatching =
  | "SKILL_MATCHING_UNSPECIFIED"
  | "SKILL_MATCHING_EXACT"
  | "SKILL_MATCHING_CLOSEST"
  | "SKILL_MATCHING_NONE";

export type SurveyMode =
  | "SURVEY_MODE_UNSPECIFIED"
  | "SURVEY_MODE_LINK"
  | "SURVEY_MODE_CONVERSATION";

export type SurveyScale =
  | "SURVEY_SCALE_UNSPECIFIED"
  | "SURVEY_SCALE_FIVE"
  | "SURVEY_SCALE_TEN";

export type Switch =
  | "SWITCH_UNSPECIFIED"
  | "SWITCH_ON"
  | "SWITCH_OFF";

export type Tells =
  | "TELLS_UNSPECIFIED"
  | "TELLS_NAME"
  | "TELLS_EMAIL"
  | "TELLS_PHONE"
  | "TELLS_EXTERNAL_ID";

export type TimeOutTurn =
  | "TIME_OUT_TURN_UNSPECIFIED"
  | "TIME_OUT_TURN_CLOSE"
  | "TIME_OUT_TURN_PARK";

export type Trigger =
  | "TRIGGER_UNSPECIFIED"
  | "TRIGGER_NOTICE"
  | "TRIGGER_GREETING"
  | "TRIGGER_OUT_OF_HOURS"
  | "TRIGGER_HOLIDAY"
  | "TRIGGER_POSITION_IN_QUEUE"
  | "TRIGGER_NEXT_IN_LINE"
  | "TRIGGER_AGENT_NOT_ASSIGNED"
  | "TRIGGER_AGENT_ASSIGNED"
  | "TRIGGER_AGENT_JOINED"
  | "TRIGGER_TRANSFER_ACCEPTED"
  | "TRIGGER_AGENT_DISCONNECTED"
  | "TRIGGER_CONSULT_ACCEPTED"
  | "TRIGGER_CONSULTANT_JOINED"
  | "TRIGGER_CONSULTANT_LEFT"
  | "TRIGGER_CONSULT_ENDED"
  | "TRIGGER_AGENT_ENDED"
  | "TRIGGER_SESSION_ENDED"
  | "TRIGGER_OVERFLOW_ENDED"
  | "TRIGGER_CUSTOMER_DISCONNECTED"
  | "TRIGGER_SURVEY"
  | "TRIGGER_SURVEY_COMMENT"
  | "TRIGGER_SURVEY_WRITE"
  | "TRIGGER_SURVEY_THANKS"
  | "TRIGGER_QUESTION";

export type VariableType =
  | "VARIABLE_TYPE_UNSPECIFIED"
  | "VARIABLE_TYPE_TEXT"
  | "VARIABLE_TYPE_NUMBER";

export type Verdict =
  | "VERDICT_UNSPECIFIED"
  | "VERDICT_PASSED"
  | "VERDICT_FAILED"
  | "VERDICT_WAITING"
  | "VERDICT_UNKNOWN";

export type Weekday =
  | "WEEKDAY_UNSPECIFIED"
  | "WEEKDAY_MONDAY"
  | "WEEKDAY_TUESDAY"
  | "WEEKDAY_WEDNESDAY"
  | "WEEKDAY_THURSDAY"
  | "WEEKDAY_FRIDAY"
  | "WEEKDAY_SATURDAY"
  | "WEEKDAY_SUNDAY";

export type WorkMode =
  | "WORK_MODE_UNSPECIFIED"
  | "WORK_MODE_PUSH"
  | "WORK_MODE_PICK";

export type WrapUp =
  | "WRAP_UP_UNSPECIFIED"
  | "WRAP_UP_ALWAYS"
  | "WRAP_UP_TIMED"
  | "WRAP_UP_NEVER";

export interface Acknowledgement {
  atMs?: string;
  by?: string;
  notice?: string;
}

export interface Agent {
  meta?: Meta;
  capacity?: number;
  password?: Secret;
  roles?: string[];
  language?: string;
  skills?: Proficiency[];
  profiles?: ProfileHolding[];
  defaultPresence?: Presence;
  defaultStatus?: string;
  schedule?: string;
  nickname?: string;
  picture?: string;
  barred?: boolean;
  companyAccount?: string;
}

export interface ApiClient {
  id?: string;
  displayName?: string;
  scopes?: string[];
  queues?: string[];
  addresses?: string[];
  lifeMs?: string;
  createdMs?: string;
  createdBy?: string;
  revokedMs?: string;
  tokens?: ClientToken[];
}

export interface ApplyResponse {
  changes?: Change[];
  version?: string;
}

export interface AssignmentRule {
  name?: string;
  when?: string;
  order?: AgentOrder;
  disabled?: boolean;
}

export interface Attributes {
  priority?: number;
  skills?: Proficiency[];
  capacityProfiles?: string[];
  variables?: Record<string, string>;
}

export interface AuditChange {
  field?: string;
  before?: string;
  after?: string;
}

export interface AuditRecord {
  number?: string;
  atMs?: string;
  actor?: string;
  roles?: string[];
  address?: string;
  kind?: string;
  objects?: string[];
  person?: string;
  method?: string;
  changes?: AuditChange[];
  version?: string;
  undone?: string;
  reason?: string;
  times?: number;
  trace?: string;
  id?: string;
  previous?: string;
}

export interface AutoClose {
  openMinutes?: number;
  activeMinutes?: number;
  waitingMinutes?: number;
  wrapUpMinutes?: number;
}

export interface AutomatedMessage {
  meta?: Meta;
  trigger?: Trigger;
  active?: boolean;
  texts?: Record<string, string>;
  askConsent?: boolean;
}

export interface Barred {
  why?: string;
  agents?: number;
}

export interface Bot {
  url?: string;
  limitSeconds?: number;
  maySetVariables?: boolean;
  mayEnd?: boolean;
}

export interface BotEscalated {
  reason?: BotReason;
  detail?: string;
  summary?: string;
}

export interface Callback {
  account?: string;
  path?: string;
  url?: string;
  tokenFingerprint?: string;
  verifiedMs?: string;
  deletionPath?: string;
  deletionUrl?: string;
  deauthorizePath?: string;
  deauthorizeUrl?: string;
}

export interface Candidate {
  queue?: string;
  rule?: string;
  passed?: string;
}

export interface CannedReply {
  meta?: Meta;
  locale?: string;
  text?: string;
  tags?: string[];
  workstreams?: string[];
  quickReplies?: ReplyAnswer[];
}

export interface CapacityProfile {
  meta?: Meta;
  limit?: number;
  reset?: ProfileReset;
  blocks?: boolean;
}

export interface Change {
  kind?: string;
  id?: string;
  action?: string;
  before?: Resource;
  after?: Resource;
  remarks?: string[];
}

export interface ChannelAccount {
  meta?: Meta;
  appId?: string;
  appSecret?: Secret;
  previousSecret?: Secret;
  verifyToken?: Secret;
  graphVersion?: string;
  privacy?: Acknowledgement;
  messages?: MessageOverride[];
}

export interface Check {
  name?: string;
  status?: CheckStatus;
  detail?: string;
  remedy?: string;
  values?: string[];
}

export interface ClassificationRule {
  name?: string;
  when?: string;
  set?: Attributes;
  disabled?: boolean;
}

export interface ClientToken {
  fingerprint?: string;
  createdMs?: string;
  untilMs?: string;
  usedMs?: string;
}

export interface Contact {
  known?: boolean;
  id?: string;
  name?: string;
  emails?: string[];
  phones?: string[];
  externalId?: string;
  company?: string;
  fields?: Record<string, string>;
}

export interface Conversation {
  workstream?: string;
  previous?: number;
  priority?: number;
  skills?: Record<string, number>;
}

export interface CreateClientResponse {
  client?: ApiClient;
  token?: string;
}

export interface CrewMember {
  agent?: string;
  displayName?: string;
  terms?: CrewTerms;
  queues?: CrewQueue[];
  skills?: Skill[];
  profiles?: CapacityProfile[];
}

export interface CrewQueue {
  id?: string;
  displayName?: string;
}

export interface CrewTerms {
  etag?: string;
  capacity?: number;
  profiles?: ProfileHolding[];
  skills?: Proficiency[];
  queues?: string[];
}

export interface CustomAssignment {
  prioritisation?: string;
  assignment?: string;
  selections?: Selection[];
}

export interface Customer {
  name?: string;
  locale?: string;
  language?: string;
  timezone?: number;
  timezoneKnown?: boolean;
  psid?: string;
}

export interface DeadLetter {
  sequence?: string;
  stage?: string;
  subject?: string;
  sourceSequence?: string;
  reason?: string;
  attempts?: number;
  atMs?: string;
}

export interface Decision {
  version?: string;
  workstream?: string;
  context?: RoutingContext;
  rulesets?: RulesetRun[];
  attributes?: string[];
  candidates?: Candidate[];
  queue?: string;
  rule?: string;
  ends?: boolean;
  cost?: string;
  tookUs?: string;
  foresight?: Foresight;
}

export interface DispositionCode {
  code?: string;
  name?: string;
  inactive?: boolean;
}

export interface Dispositions {
  codes?: DispositionCode[];
  required?: boolean;
  most?: number;
  noteRequired?: boolean;
}

export interface DoctorResponse {
  checks?: Check[];
}

export interface EvaluateRulesRequest {
  context?: RoutingContext;
  trial?: Trial;
}

export interface EvaluateRulesResponse {
  decision?: Decision;
}

export interface EvaluateScheduleResponse {
  open?: boolean;
  reason?: string;
  atMs?: string;
  localTime?: string;
  changes?: ScheduleChange[];
}

export interface ExplainConversationResponse {
  decision?: Decision;
  routed?: Routed;
}

export interface ExportConfigResponse {
  manifest?: string;
  nextPageToken?: string;
}

export interface Foresight {
  queue?: string;
  agents?: number;
  barred?: Barred[];
  prioritisation?: RulesetRun;
  bucket?: string;
  selections?: RulesetRun;
  ruleset?: string;
  steps?: StepForesight[];
}

export interface GetLagResponse {
  lags?: StageLag[];
}

export interface GetVersionResponse {
  version?: Version;
  changes?: Change[];
}

export interface Interval {
  from?: string;
  to?: string;
}

export interface ListClientsResponse {
  clients?: ApiClient[];
}

export interface ListDeadLettersResponse {
  deadLetters?: DeadLetter[];
}

export interface ListPageStatusesResponse {
  statuses?: PageStatus[];
}

export interface ListRecordsRequest {
  filter?: RecordFilter;
  pageSize?: number;
  pageToken?: string;
  after?: string;
}

export interface ListRecordsResponse {
  records?: AuditRecord[];
  nextPageToken?: string;
  end?: string;
}

export interface ListVersionsResponse {
  versions?: Version[];
  nextPageToken?: string;
}

export interface LocalText {
  language?: string;
  text?: string;
}

export interface MaskingRule {
  name?: string;
  pattern?: string;
  preset?: MaskingPreset;
  texts?: MaskedTexts;
  disabled?: boolean;
}

export interface Message {
  text?: string;
  payload?: string;
  attachments?: string[];
}

export interface MessageOverride {
  trigger?: Trigger;
  active?: Switch;
  texts?: Record<string, string>;
}

export interface Meta {
  id?: string;
  displayName?: string;
  etag?: string;
  updatedMs?: string;
}

export interface NotificationRow {
  label?: string;
  text?: string;
}

export interface NotificationTemplate {
  meta?: Meta;
  texts?: NotificationTexts[];
  seconds?: number;
  hideCountdown?: boolean;
  autoAssign?: boolean;
  noReject?: boolean;
  desktop?: DesktopNotification;
}

export interface NotificationTexts {
  language?: string;
  title?: string;
  accept?: string;
  reject?: string;
  rows?: NotificationRow[];
}

export interface Notifications {
  incomingKnown?: string;
  incomingUnknown?: string;
  transfer?: string;
  consult?: string;
}

export interface OverflowRule {
  condition?: OverflowCondition;
  items?: number;
  action?: OverflowAction;
  queue?: string;
}

export interface Page {
  meta?: Meta;
  pageId?: string;
  account?: string;
  accessToken?: Secret;
  workstream?: string;
  language?: string;
  messageTag?: Switch;
  customerAttachments?: Switch;
  agentAttachments?: Switch;
  messages?: MessageOverride[];
  persona?: Switch;
  markSeen?: Switch;
  survey?: Survey;
  botSurvey?: Survey;
  templates?: UtilityTemplate[];
}

export interface PageCheck {
  name?: string;
  verdict?: Verdict;
  harm?: Harm;
  found?: string;
  remedy?: string;
  ranMs?: string;
  silentSinceMs?: string;
  reason?: string;
  values?: string[];
}

export interface PageStatus {
  page?: string;
  pageId?: string;
  account?: string;
  state?: PageState;
  checks?: PageCheck[];
  checkedMs?: string;
  tokenEndsMs?: string;
  dataEndsMs?: string;
  remarks?: string[];
}

export interface PrioritisationRule {
  name?: string;
  when?: string;
  order?: ItemOrder;
  disabled?: boolean;
}

export interface PrivacyNotice {
  version?: string;
  text?: string;
}

export interface Proficiency {
  skill?: string;
  value?: number;
}

export interface ProfileHolding {
  profile?: string;
  limit?: number;
}

export interface Question {
  variable?: string;
  texts?: LocalText[];
  choices?: QuestionChoice[];
  check?: QuestionCheck;
  pattern?: string;
  optional?: boolean;
  attempts?: number;
  wrongTexts?: LocalText[];
}

export interface QuestionChoice {
  value?: string;
  titles?: LocalText[];
}

export interface Questions {
  list?: Question[];
  minutes?: number;
}

export interface Queue {
  meta?: Meta;
  agents?: string[];
  assignment?: Assignment;
  priority?: number;
  schedule?: string;
  overflow?: OverflowRule[];
  wait?: WaitRule;
  headStartSeconds?: number;
  custom?: CustomAssignment;
  serviceLevelSeconds?: number;
  shortAbandonSeconds?: number;
  supervisors?: string[];
}

export interface RatingName {
  value?: number;
  name?: string;
}

export interface RecordFault {
  number?: string;
  reason?: string;
  message?: string;
}

export interface RecordFilter {
  actor?: string;
  kind?: string;
  object?: string;
  fromMs?: string;
  untilMs?: string;
  page?: string;
  psid?: string;
}

export interface Referral {
  ref?: string;
  source?: string;
  type?: string;
  adId?: string;
  adTitle?: string;
}

export interface ReplyAnswer {
  title?: string;
  payload?: string;
}

export interface Resource {
  channelAccount?: ChannelAccount;
  page?: Page;
  workstream?: Workstream;
  queue?: Queue;
  agent?: Agent;
  schedule?: Schedule;
  skill?: Skill;
  capacityProfile?: CapacityProfile;
  ruleset?: Ruleset;
  status?: Status;
  automatedMessage?: AutomatedMessage;
  cannedReply?: CannedReply;
  notificationTemplate?: NotificationTemplate;
}

export interface RetriedLetter {
  sequence?: string;
  trouble?: string;
}

export interface RetryDeadLetterResponse {
  letters?: RetriedLetter[];
  left?: number;
}

export interface RevealVerifyTokenResponse {
  verifyToken?: string;
}

export interface RollBackResponse {
  version?: string;
  changes?: Change[];
}

export interface RotateClientResponse {
  client?: ApiClient;
  token?: string;
}

export interface Routed {
  conversation?: string;
  openedMs?: string;
  version?: string;
  rules?: string[];
  failed?: string[];
  queue?: string;
  rule?: string;
  passed?: string[];
  bot?: BotEscalated;
}

export interface RoutingContext {
  customer?: Customer;
  page?: RoutingPage;
  message?: Message;
  referral?: Referral;
  conversation?: Conversation;
  variables?: Record<string, string>;
  now?: string;
  contact?: Contact;
}

export interface RoutingPage {
  id?: string;
  pageId?: string;
  name?: string;
  language?: string;
}

export interface RoutingRule {
  name?: string;
  when?: string;
  queues?: Share[];
  overflow?: OverflowRule[];
  disabled?: boolean;
}

export interface RuleRun {
  rule?: string;
  outcome?: RuleOutcome;
  why?: string[];
  set?: string[];
  cost?: string;
}

export interface Ruleset {
  meta?: Meta;
  classify?: ClassificationRule[];
  route?: RoutingRule[];
  prioritise?: PrioritisationRule[];
  assign?: AssignmentRule[];
}

export interface RulesetRun {
  ruleset?: string;
  rules?: RuleRun[];
}

export interface Schedule {
  meta?: Meta;
  timeZone?: string;
  week?: WeekHours[];
  specialDays?: SpecialDays[];
}

export interface ScheduleChange {
  atMs?: string;
  localTime?: string;
  open?: boolean;
  reason?: string;
}

export interface Secret {
  value?: string;
  sealed?: string;
  fingerprint?: string;
  setMs?: string;
}

export interface Selection {
  name?: string;
  when?: string;
  ruleset?: string;
  disabled?: boolean;
}

export interface Share {
  queue?: string;
  percent?: number;
}

export interface Skill {
  meta?: Meta;
  type?: string;
  lowest?: number;
  highest?: number;
  ratings?: RatingName[];
  inactive?: boolean;
}

export interface SpecialDays {
  reason?: string;
  from?: string;
  until?: string;
  yearly?: boolean;
  open?: Interval[];
}

export interface StageLag {
  stage?: string;
  stream?: string;
  partition?: number;
  behind?: string;
  oldestMs?: string;
}

export interface Status {
  meta?: Meta;
  base?: Presence;
  description?: string;
  inactive?: boolean;
}

export interface StepForesight {
  rule?: string;
  disabled?: boolean;
  agents?: number;
  barred?: Barred[];
}

export interface Survey {
  mode?: SurveyMode;
  scale?: SurveyScale;
  comment?: boolean;
  texts?: SurveyTexts[];
  hours?: number;
}

export interface SurveyTexts {
  language?: string;
  invitation?: string;
  question?: string;
  comment?: string;
  thanks?: string;
}

export interface TestPageResponse {
  page?: string;
  steps?: PageCheck[];
}

export interface TimeOutRule {
  name?: string;
  inactive?: boolean;
  priority?: number;
  silence?: Silence;
  minutes?: number;
  customerTexts?: LocalText[];
  agentTexts?: LocalText[];
  fallbackLanguage?: string;
  turn?: TimeOutTurn;
  sinceMs?: string;
}

export interface Trial {
  resources?: Resource[];
  atMs?: string;
  waitedSeconds?: number;
}

export interface UtilityTemplate {
  name?: string;
  language?: string;
  text?: string;
}

export interface Variable {
  name?: string;
  type?: VariableType;
  initial?: string;
  tells?: Tells;
}

export interface VerifyRecordsResponse {
  read?: number;
  faults?: RecordFault[];
  faultCount?: number;
  number?: string;
  seal?: string;
  more?: boolean;
}

export interface Version {
  number?: string;
  atMs?: string;
  by?: string;
  comment?: string;
  rolledBackTo?: string;
  base?: boolean;
  created?: number;
  updated?: number;
  deleted?: number;
  resealed?: number;
}

export interface WaitRule {
  seconds?: number;
  action?: OverflowAction;
  queue?: string;
}

export interface WeekHours {
  days?: Weekday[];
  open?: Interval[];
  from?: string;
  until?: string;
}

export interface Workstream {
  meta?: Meta;
  queue?: string;
  fallbackQueue?: string;
  units?: number;
  offerSeconds?: number;
  messageTag?: boolean;
  wrapUp?: WrapUp;
  wrapUpSeconds?: number;
  classification?: string[];
  routing?: string;
  variables?: Variable[];
  mode?: WorkMode;
  pickable?: boolean;
  capacityProfiles?: string[];
  presences?: Presence[];
  skillMatching?: SkillMatching;
  affinity?: Affinity;
  affinitySeconds?: number;
  autoAssign?: boolean;
  customerAttachments?: boolean;
  attachmentTypes?: string[];
  attachmentMegabytes?: number;
  masks?: MaskingRule[];
  agentAttachments?: boolean;
  autoClose?: AutoClose;
  timeOutRules?: TimeOutRule[];
  identifyByName?: boolean;
  dispositions?: Dispositions;
  bot?: Bot;
  botSecret?: Secret;
  survey?: Survey;
  botSurvey?: Survey;
  questions?: Questions;
  persona?: boolean;
  personaPicture?: string;
  hideSeen?: boolean;
  retentionDays?: number;
  notifications?: Notifications;
  sessionTitle?: string;
  agentSkills?: boolean;
}
