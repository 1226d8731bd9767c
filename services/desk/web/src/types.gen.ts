// Written by tools/web from the .proto files; change those instead.
// protojson: zero values are left out, 64-bit numbers are strings, enums are names.

export type Attendance =
  | "ATTENDANCE_UNSPECIFIED"
  | "ATTENDANCE_INVITED"
  | "ATTENDANCE_PRESENT";

export type Author =
  | "AUTHOR_UNSPECIFIED"
  | "AUTHOR_CUSTOMER"
  | "AUTHOR_AGENT"
  | "AUTHOR_EXTERNAL"
  | "AUTHOR_SYSTEM"
  | "AUTHOR_NOTE"
  | "AUTHOR_AUTOMATED"
  | "AUTHOR_BOT";

export type Cause =
  | "CAUSE_UNSPECIFIED"
  | "CAUSE_ACCEPTED"
  | "CAUSE_PICKED"
  | "CAUSE_RESUMED"
  | "CAUSE_RELEASED"
  | "CAUSE_DISCONNECTED"
  | "CAUSE_WRAPPED_UP"
  | "CAUSE_TIMED_OUT"
  | "CAUSE_FORCED"
  | "CAUSE_TRANSFERRED"
  | "CAUSE_ASSIGNED"
  | "CAUSE_OVERFLOWED"
  | "CAUSE_AUTO_ASSIGNED"
  | "CAUSE_AUTO_CLOSED"
  | "CAUSE_CUSTOMER_SILENT"
  | "CAUSE_AGENT_SILENT"
  | "CAUSE_BOT_ENDED";

export type Delivery =
  | "DELIVERY_UNSPECIFIED"
  | "DELIVERY_SENDING"
  | "DELIVERY_SENT"
  | "DELIVERY_DELIVERED"
  | "DELIVERY_READ"
  | "DELIVERY_FAILED"
  | "DELIVERY_UNCERTAIN"
  | "DELIVERY_UNCONFIRMED"
  | "DELIVERY_ABANDONED";

export type DesktopNotification =
  | "DESKTOP_NOTIFICATION_UNSPECIFIED"
  | "DESKTOP_NOTIFICATION_NEVER"
  | "DESKTOP_NOTIFICATION_ALWAYS"
  | "DESKTOP_NOTIFICATION_BACKGROUND";

export type FileStatus =
  | "FILE_STATUS_UNSPECIFIED"
  | "FILE_STATUS_COPYING"
  | "FILE_STATUS_HERE"
  | "FILE_STATUS_LOST"
  | "FILE_STATUS_REFUSED";

export type LinkSource =
  | "LINK_SOURCE_UNSPECIFIED"
  | "LINK_SOURCE_AGENT"
  | "LINK_SOURCE_AUTOMATIC"
  | "LINK_SOURCE_KEPT"
  | "LINK_SOURCE_ADMIN";

export type Part =
  | "PART_UNSPECIFIED"
  | "PART_CONSULTANT"
  | "PART_MONITOR"
  | "PART_JOINED"
  | "PART_SUCCESSOR";

export type Phase =
  | "PHASE_UNSPECIFIED"
  | "PHASE_OPEN"
  | "PHASE_ACTIVE"
  | "PHASE_WAITING"
  | "PHASE_WRAP_UP"
  | "PHASE_CLOSED";

export type Presence =
  | "PRESENCE_UNSPECIFIED"
  | "PRESENCE_AVAILABLE"
  | "PRESENCE_BUSY"
  | "PRESENCE_DO_NOT_DISTURB"
  | "PRESENCE_AWAY"
  | "PRESENCE_OFFLINE"
  | "PRESENCE_INACTIVE";

export type Source =
  | "SOURCE_UNSPECIFIED"
  | "SOURCE_AGENT"
  | "SOURCE_LOAD"
  | "SOURCE_MISSED"
  | "SOURCE_REJECTED"
  | "SOURCE_SUPERVISOR"
  | "SOURCE_LOST"
  | "SOURCE_RETURNED"
  | "SOURCE_SESSION";

export interface AbandonSendRequest {
  ref?: ConversationRef;
  item?: string;
}

export interface AbandonSendResponse {
}

export interface AcceptOfferRequest {
  ref?: ConversationRef;
  fence?: string;
}

export interface AcceptOfferResponse {
  conversation?: ConversationView;
}

export interface ActOnConversationsRequest {
  refs?: ConversationRef[];
  clientId?: string;
  toQueue?: string;
  forceClose?: boolean;
  note?: string;
}

export interface ActOnConversationsResponse {
  outcomes?: Outcome[];
  done?: number;
}

export interface AddNoteRequest {
  ref?: ConversationRef;
  clientId?: string;
  text?: string;
  consult?: boolean;
}

export interface AddNoteResponse {
  item?: TimelineItem;
}

export interface AgentFigure {
  agent?: string;
  name?: string;
  standing?: AgentStanding;
  statusName?: string;
  queues?: string[];
  active?: number;
  wrapUp?: number;
  waiting?: number;
  unanswered?: number;
  taken?: number;
  rejected?: number;
  missed?: number;
  handleMs?: string;
  skills?: string[];
}

export interface AgentStanding {
  agent?: string;
  presence?: Presence;
  used?: number;
  capacity?: number;
  sinceMs?: string;
  status?: string;
  source?: Source;
  profiles?: ProfileLoad[];
}

export interface AgentTarget {
  agent?: string;
  name?: string;
  hidden?: string;
  presence?: Presence;
  used?: number;
  capacity?: number;
  matched?: number;
  needed?: number;
  member?: boolean;
}

export interface AnswerConsultRequest {
  ref?: ConversationRef;
  accept?: boolean;
  reason?: string;
}

export interface AnswerConsultResponse {
  conversation?: ConversationView;
}

export interface AskConsultRequest {
  ref?: ConversationRef;
  clientId?: string;
  invitee?: string;
  question?: string;
}

export interface AskConsultResponse {
  conversation?: ConversationView;
}

export interface AssignConversationRequest {
  ref?: ConversationRef;
  toQueue?: string;
  toAgent?: string;
  note?: string;
}

export interface AssignConversationResponse {
  conversation?: ConversationView;
}

export interface Attachment {
  type?: string;
  url?: string;
  title?: string;
  stickerId?: string;
  latitude?: number;
  longitude?: number;
  raw?: string;
  refused?: string;
}

export interface Beside {
  agent?: string;
  name?: string;
  part?: Part;
  attendance?: Attendance;
  public?: boolean;
  sinceMs?: string;
  by?: string;
  byName?: string;
  question?: string;
  untilMs?: string;
}

export interface Button {
  title?: string;
  url?: string;
  payload?: string;
}

export interface ButtonTemplate {
  text?: string;
  buttons?: Button[];
}

export interface Card {
  title?: string;
  subtitle?: string;
  imageUrl?: string;
  buttons?: Button[];
}

export interface ChangeSkillsRequest {
  ref?: ConversationRef;
  clientId?: string;
  needed?: Proficiency[];
  dropped?: string[];
}

export interface ChangeSkillsResponse {
  conversation?: ConversationView;
}

export interface CloseConversationRequest {
  ref?: ConversationRef;
  dispositions?: string[];
  note?: string;
}

export interface CloseConversationResponse {
}

export interface ClosedItem {
  ref?: ConversationRef;
  customer?: string;
  queue?: string;
  pageName?: string;
  closedMs?: string;
  dispositions?: string[];
}

export interface Consent {
  notice?: string;
  toldMs?: string;
  agreed?: boolean;
  answeredMs?: string;
}

export interface Contact {
  id?: string;
  name?: string;
  emails?: string[];
  phones?: string[];
  externalId?: string;
  company?: string;
  notes?: string;
  fields?: Record<string, string>;
  inactive?: boolean;
  mergedInto?: string;
  etag?: string;
  createdMs?: string;
  updatedMs?: string;
  updatedBy?: string;
}

export interface ContactCard {
  contact?: Contact;
  link?: ContactLink;
  byName?: string;
  mayLink?: boolean;
  merged?: string[];
  summary?: Summary;
}

export interface ContactLink {
  contact?: string;
  source?: LinkSource;
  by?: string;
  sinceMs?: string;
}

export interface ContextVariable {
  name?: string;
  value?: string;
}

export interface ConversationRef {
  page?: string;
  psid?: string;
  conversation?: string;
}

export interface ConversationView {
  ref?: ConversationRef;
  revision?: string;
  customer?: Customer;
  phase?: Phase;
  offer?: Offer;
  queue?: string;
  pageName?: string;
  preview?: string;
  newestMs?: string;
  unanswered?: number;
  openedMs?: string;
  queuedMs?: string;
  window?: Window;
  allowed?: string[];
  dueMs?: string;
  agent?: string;
  pageTrouble?: string;
  owner?: Owner;
  agentName?: string;
  beside?: Beside[];
  part?: Beside;
  supervise?: string[];
  priority?: number;
  prefer?: string;
  files?: FileLimits;
  wrapUpForm?: WrapUpForm;
  variables?: ContextVariable[];
  survey?: SurveyCard;
  notification?: Notification;
  title?: string;
  skills?: NeededSkill[];
  labels?: string[];
}

export interface CreateContactRequest {
  ref?: ConversationRef;
  clientId?: string;
  contact?: Contact;
}

export interface CreateContactResponse {
  card?: ContactCard;
}

export interface CreatePersonalReplyRequest {
  reply?: PersonalReply;
}

export interface CreatePersonalReplyResponse {
  reply?: PersonalReply;
}

export interface Customer {
  name?: string;
  locale?: string;
  timezone?: number;
  picture?: string;
  fetchedMs?: string;
}

export interface DeletePersonalReplyRequest {
  id?: string;
}

export interface DeletePersonalReplyResponse {
}

export interface DispositionOption {
  code?: string;
  name?: string;
}

export interface EndConsultRequest {
  ref?: ConversationRef;
  consultant?: string;
}

export interface EndConsultResponse {
  conversation?: ConversationView;
}

export interface EndConversationRequest {
  ref?: ConversationRef;
}

export interface EndConversationResponse {
  conversation?: ConversationView;
}

export interface Event {
  epoch?: string;
  seq?: string;
  snapshot?: Snapshot;
  conversation?: ConversationView;
  removed?: ConversationRef;
  timeline?: TimelineChange;
  standing?: AgentStanding;
  heartbeat?: Heartbeat;
  sessionEnded?: SessionEnded;
  queues?: Queues;
}

export interface EventsRequest {
  epoch?: string;
  seq?: string;
  presence?: Presence;
  status?: string;
}

export interface Figures {
  messages?: number;
  incoming?: number;
  entered?: number;
  engaged?: number;
  sessions?: number;
  offered?: number;
  rejected?: number;
  missed?: number;
  transferred?: number;
  abandoned?: number;
  shortAbandoned?: number;
  serviceLevel?: number;
  serviceLevelSeconds?: number;
  abandonRate?: number;
  speed?: Times;
  firstResponse?: Times;
  response?: Times;
  handle?: Times;
  wrapUp?: Times;
  conversation?: Times;
  effort?: Times;
  firstResponseLevel?: number;
  ratings?: number;
  satisfaction?: number;
  accepted?: number;
}

export interface File {
  status?: FileStatus;
  reason?: string;
  contentType?: string;
  size?: string;
  width?: number;
  height?: number;
  name?: string;
}

export interface FileLimits {
  types?: string[];
  pictureBytes?: string;
  bytes?: string;
}

export interface ForceCloseConversationRequest {
  ref?: ConversationRef;
}

export interface ForceCloseConversationResponse {
}

export interface GenericTemplate {
  elements?: Card[];
}

export interface GetCardRequest {
  ref?: ConversationRef;
}

export interface GetCardResponse {
  card?: ContactCard;
}

export interface GetFiguresRequest {
  queue?: string;
}

export interface GetFiguresResponse {
  hour?: Figures;
  minutes?: Minute[];
  closing?: number;
}

export interface Heartbeat {
  nowMs?: string;
}

export interface JoinConversationRequest {
  ref?: ConversationRef;
}

export interface JoinConversationResponse {
  conversation?: ConversationView;
}

export interface LabelConversationRequest {
  ref?: ConversationRef;
  clientId?: string;
  added?: string[];
  removed?: string[];
}

export interface LabelConversationResponse {
  conversation?: ConversationView;
}

export interface LeaveConversationRequest {
  ref?: ConversationRef;
}

export interface LeaveConversationResponse {
}

export interface LinkContactRequest {
  ref?: ConversationRef;
  clientId?: string;
  contact?: string;
}

export interface LinkContactResponse {
  card?: ContactCard;
}

export interface ListAgentsRequest {
  queue?: string;
  search?: string;
  pageSize?: number;
  pageToken?: string;
}

export interface ListAgentsResponse {
  agents?: AgentFigure[];
  nextPageToken?: string;
  total?: number;
  present?: number;
  used?: number;
  capacity?: number;
}

export interface ListCannedRepliesRequest {
  ref?: ConversationRef;
  query?: string;
  personal?: boolean;
  limit?: number;
}

export interface ListCannedRepliesResponse {
  replies?: ReadyReply[];
  total?: number;
}

export interface ListClosedItemsRequest {
  sinceMs?: string;
  pageSize?: number;
  pageToken?: string;
}

export interface ListClosedItemsResponse {
  items?: ClosedItem[];
  nextPageToken?: string;
  total?: number;
}

export interface ListConversationsRequest {
}

export interface ListConversationsResponse {
  conversations?: ConversationView[];
}

export interface ListOngoingRequest {
  queue?: string;
  heldBy?: string;
  phase?: Phase;
  pageSize?: number;
  pageToken?: string;
  label?: string;
}

export interface ListOngoingResponse {
  conversations?: ConversationView[];
  nextPageToken?: string;
  total?: number;
  phases?: PhaseCount[];
  labels?: string[];
}

export interface ListOpenItemsRequest {
  pageSize?: number;
  pageToken?: string;
}

export interface ListOpenItemsResponse {
  items?: OpenItem[];
  nextPageToken?: string;
  total?: number;
}

export interface ListPersonalRepliesRequest {
}

export interface ListPersonalRepliesResponse {
  replies?: PersonalReply[];
  most?: number;
}

export interface ListQueuesRequest {
}

export interface ListQueuesResponse {
  queues?: QueueFigure[];
}

export interface ListSkillsRequest {
  ref?: ConversationRef;
}

export interface ListSkillsResponse {
  skills?: SkillScale[];
}

export interface ListTargetsRequest {
  ref?: ConversationRef;
  consult?: boolean;
  search?: string;
}

export interface ListTargetsResponse {
  queues?: QueueTarget[];
  agents?: AgentTarget[];
}

export interface ListTemplatesRequest {
  ref?: ConversationRef;
}

export interface ListTemplatesResponse {
  templates?: ReadyTemplate[];
}

export interface ListTimelineRequest {
  ref?: ConversationRef;
  beforeRevision?: string;
  limit?: number;
  earlier?: ConversationRef;
}

export interface ListTimelineResponse {
  items?: TimelineItem[];
  nextBeforeRevision?: string;
}

export interface Me {
  agent?: string;
  displayName?: string;
  roles?: string[];
  language?: string;
  statuses?: StatusOption[];
  may?: string[];
}

export interface MergeContactRequest {
  ref?: ConversationRef;
  clientId?: string;
  from?: string;
}

export interface MergeContactResponse {
  card?: ContactCard;
}

export interface Minute {
  messages?: number;
  firstResponseP90?: number;
}

export interface MonitorConversationRequest {
  ref?: ConversationRef;
}

export interface MonitorConversationResponse {
  conversation?: ConversationView;
}

export interface NeededSkill {
  skill?: string;
  name?: string;
  value?: number;
  highest?: number;
  rating?: string;
}

export interface Notification {
  texts?: NotificationText[];
  hideCountdown?: boolean;
  noReject?: boolean;
  desktop?: DesktopNotification;
  givenUntilMs?: string;
}

export interface NotificationRow {
  label?: string;
  text?: string;
}

export interface NotificationText {
  language?: string;
  title?: string;
  accept?: string;
  reject?: string;
  rows?: NotificationRow[];
}

export interface Offer {
  agent?: string;
  fence?: string;
  epoch?: string;
  madeMs?: string;
  untilMs?: string;
}

export interface OpenConsultRequest {
  ref?: ConversationRef;
  consultant?: string;
}

export interface OpenConsultResponse {
  conversation?: ConversationView;
}

export interface OpenItem {
  ref?: ConversationRef;
  customer?: string;
  queue?: string;
  pageName?: string;
  preview?: string;
  waitingSinceMs?: string;
  priority?: number;
  position?: number;
}

export interface Outcome {
  ref?: ConversationRef;
  reason?: string;
  phase?: Phase;
}

export interface Owner {
  app?: string;
  untilMs?: string;
}

export interface ParkConversationRequest {
  ref?: ConversationRef;
}

export interface ParkConversationResponse {
  conversation?: ConversationView;
}

export interface PastConversation {
  id?: string;
  openedMs?: string;
  closedMs?: string;
  queue?: string;
  agentName?: string;
  closedBy?: Cause;
  waitMs?: string;
  handleMs?: string;
  pageName?: string;
  dispositions?: string[];
  labels?: string[];
  ref?: ConversationRef;
}

export interface PauseQueueRequest {
  queue?: string;
  pause?: boolean;
}

export interface PauseQueueResponse {
  by?: string;
  sinceMs?: string;
}

export interface PersonalReplies {
  replies?: PersonalReply[];
}

export interface PersonalReply {
  id?: string;
  title?: string;
  locale?: string;
  text?: string;
  tags?: string[];
}

export interface PhaseCount {
  phase?: Phase;
  count?: number;
}

export interface PickConversationRequest {
  ref?: ConversationRef;
}

export interface PickConversationResponse {
  conversation?: ConversationView;
}

export interface Proficiency {
  skill?: string;
  value?: number;
}

export interface ProfileLoad {
  profile?: string;
  used?: number;
  limit?: number;
}

export interface QueueFigure {
  queue?: string;
  name?: string;
  waiting?: number;
  sinceMs?: string;
  waitSeconds?: string;
  ready?: number;
  agents?: number;
  tag?: string;
  pausedBy?: string;
  pausedSinceMs?: string;
  figures?: Figures;
  closed?: boolean;
  changesMs?: string;
  special?: string;
  overflows?: boolean;
  overflowsTo?: string;
}

export interface QueueTarget {
  queue?: string;
  name?: string;
  hidden?: string;
  opensMs?: string;
  waiting?: number;
  agents?: number;
}

export interface Queues {
  queues?: QueueFigure[];
}

export interface QuickReply {
  title?: string;
  payload?: string;
  contentType?: string;
}

export interface ReactRequest {
  ref?: ConversationRef;
  mid?: string;
  emoji?: string;
}

export interface ReactResponse {
}

export interface ReadyReply {
  id?: string;
  personal?: boolean;
  title?: string;
  locale?: string;
  text?: string;
  tags?: string[];
  quickReplies?: QuickReply[];
}

export interface ReadyTemplate {
  name?: string;
  language?: string;
  text?: string;
  blanks?: string[];
}

export interface Referral {
  ref?: string;
  source?: string;
  type?: string;
  adId?: string;
  adTitle?: string;
}

export interface Refusal {
  reason?: string;
  phase?: Phase;
  allowed?: string[];
}

export interface RejectOfferRequest {
  ref?: ConversationRef;
  fence?: string;
  reason?: string;
}

export interface RejectOfferResponse {
}

export interface ReleaseConversationRequest {
  ref?: ConversationRef;
}

export interface ReleaseConversationResponse {
}

export interface ResendMessageRequest {
  ref?: ConversationRef;
  clientId?: string;
  item?: string;
}

export interface ResendMessageResponse {
  item?: TimelineItem;
}

export interface ResumeConversationRequest {
  ref?: ConversationRef;
}

export interface ResumeConversationResponse {
  conversation?: ConversationView;
}

export interface SearchContactsRequest {
  ref?: ConversationRef;
  query?: string;
  pageSize?: number;
}

export interface SearchContactsResponse {
  contacts?: Contact[];
  more?: boolean;
}

export interface SendMessageRequest {
  ref?: ConversationRef;
  clientId?: string;
  text?: string;
  replyTo?: string;
  quickReplies?: QuickReply[];
  template?: Template;
  files?: string[];
  sticker?: string;
}

export interface SendMessageResponse {
  item?: TimelineItem;
}

export interface SessionEnded {
  reason?: string;
}

export interface SetAgentPresenceRequest {
  ofAgent?: string;
  presence?: Presence;
}

export interface SetAgentPresenceResponse {
  standing?: AgentStanding;
}

export interface SetPresenceRequest {
  presence?: Presence;
  status?: string;
}

export interface SetPresenceResponse {
  standing?: AgentStanding;
}

export interface SetVariablesRequest {
  ref?: ConversationRef;
  clientId?: string;
  variables?: Record<string, string>;
}

export interface SetVariablesResponse {
  conversation?: ConversationView;
}

export interface ShowOfferRequest {
  ref?: ConversationRef;
  fence?: string;
}

export interface ShowOfferResponse {
  untilMs?: string;
}

export interface SignInRequest {
  agent?: string;
  password?: string;
}

export interface SignInResponse {
  me?: Me;
}

export interface SignOutEverywhereRequest {
}

export interface SignOutEverywhereResponse {
  sessions?: number;
}

export interface SignOutRequest {
}

export interface SignOutResponse {
}

export interface SignalRequest {
  ref?: ConversationRef;
  sign?: string;
}

export interface SignalResponse {
}

export interface SkillScale {
  skill?: string;
  name?: string;
  type?: string;
  lowest?: number;
  highest?: number;
  ratings?: Record<string, string>;
}

export interface Snapshot {
  conversations?: ConversationView[];
  standing?: AgentStanding;
  nowMs?: string;
  queues?: Queues;
}

export interface StatusOption {
  id?: string;
  name?: string;
  base?: Presence;
  description?: string;
}

export interface Summary {
  waitMs?: string;
  handleMs?: string;
  variables?: Record<string, string>;
  referral?: Referral;
  previous?: PastConversation[];
  previousCount?: number;
  consent?: Consent;
}

export interface SurveyCard {
  conversation?: string;
  askedMs?: string;
  rating?: number;
  highest?: number;
}

export interface TakeControlRequest {
  ref?: ConversationRef;
}

export interface TakeControlResponse {
  conversation?: ConversationView;
}

export interface Template {
  button?: ButtonTemplate;
  generic?: GenericTemplate;
  utility?: UtilityTemplate;
}

export interface TemplateParameter {
  name?: string;
  text?: string;
}

export interface TimelineChange {
  ref?: ConversationRef;
  item?: TimelineItem;
}

export interface TimelineItem {
  id?: string;
  revision?: string;
  index?: number;
  conversation?: string;
  atMs?: string;
  author?: Author;
  text?: string;
  attachments?: Attachment[];
  agent?: string;
  delivery?: Delivery;
  reason?: string;
  clientId?: string;
  edited?: boolean;
  unsent?: boolean;
  reaction?: string;
  replyTo?: string;
  late?: boolean;
  mids?: string[];
  details?: Record<string, string>;
  changedRevision?: string;
  agentName?: string;
  recovered?: boolean;
  files?: File[];
  ourReaction?: string;
  quickReplies?: QuickReply[];
  template?: Template;
  sticker?: string;
}

export interface Times {
  count?: number;
  meanMs?: string;
  p50?: number;
  p90?: number;
}

export interface TransferConversationRequest {
  ref?: ConversationRef;
  clientId?: string;
  toQueue?: string;
  toAgent?: string;
  note?: string;
}

export interface TransferConversationResponse {
}

export interface UnlinkContactRequest {
  ref?: ConversationRef;
  clientId?: string;
}

export interface UnlinkContactResponse {
  card?: ContactCard;
}

export interface UnmergeContactRequest {
  ref?: ConversationRef;
  clientId?: string;
  from?: string;
}

export interface UnmergeContactResponse {
  card?: ContactCard;
}

export interface UpdateContactRequest {
  ref?: ConversationRef;
  clientId?: string;
  contact?: Contact;
  paths?: string[];
}

export interface UpdateContactResponse {
  card?: ContactCard;
}

export interface UpdatePersonalReplyRequest {
  reply?: PersonalReply;
}

export interface UpdatePersonalReplyResponse {
  reply?: PersonalReply;
}

export interface UtilityTemplate {
  name?: string;
  language?: string;
  text?: string;
  parameters?: TemplateParameter[];
}

export interface WhoAmIRequest {
}

export interface WhoAmIResponse {
  me?: Me;
}

export interface Window {
  kind?: string;
  untilMs?: string;
}

export interface WrapUpForm {
  options?: DispositionOption[];
  most?: number;
  required?: boolean;
  noteRequired?: boolean;
}
