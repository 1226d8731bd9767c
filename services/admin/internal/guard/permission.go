// Package guard stands before every method: it finds out who calls, whether
// they may, and that the call ends in time, in a status, and not in a panic.
package guard

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
)

// Permission is what a caller needs for a method.
type Permission string

// The permissions.
const (
	Nothing        Permission = "nothing" // any caller who got this far
	ConfigRead     Permission = "config.read"
	ConfigWrite    Permission = "config.write"
	SecretReveal   Permission = "secret.reveal" // of the verify token, the only secret that is ever told
	KeyWrite       Permission = "key.write"     // of the keys that seal secrets
	OperateRead    Permission = "operate.read"
	LetterSettle   Permission = "letter.settle" // retry or drop dead letters
	TranscriptRead Permission = "transcript.read"
	PrivacyRead    Permission = "privacy.read"
	ContactRead    Permission = "contact.read"
	ContactWrite   Permission = "contact.write"
	PrivacyErase   Permission = "privacy.erase"
	VariableWrite  Permission = "variable.write" // of conversations
	QueuePause     Permission = "queue.pause"
)

// Roles are what each role may do.
func Roles() map[string][]Permission {
	return map[string][]Permission{
		"admin":    {ConfigRead, ConfigWrite, SecretReveal, KeyWrite, OperateRead, LetterSettle, TranscriptRead, PrivacyRead, PrivacyErase, ContactRead, ContactWrite, VariableWrite, QueuePause},
		"operator": {ConfigRead, OperateRead, LetterSettle},
		"auditor":  {ConfigRead, TranscriptRead, PrivacyRead, ContactRead},
		"crm":      {ContactRead, ContactWrite}, // a program that keeps contacts in step
	}
}

// Permissions is the table of all methods by full name. A method that is not
// in it is denied to everyone.
func Permissions() map[string]Permission {
	table := map[string]Permission{
		adminv1.ConfigService_Apply_FullMethodName:                             ConfigWrite,
		adminv1.ConfigService_ExportConfig_FullMethodName:                      ConfigRead,
		adminv1.ConfigService_RotateAppSecret_FullMethodName:                   ConfigWrite,
		adminv1.ConfigService_RetireAppSecret_FullMethodName:                   ConfigWrite,
		adminv1.ConfigService_GetPrivacyNotice_FullMethodName:                  ConfigRead,
		adminv1.ConfigService_AcknowledgePrivacy_FullMethodName:                ConfigWrite,
		adminv1.HistoryService_ListVersions_FullMethodName:                     ConfigRead,
		adminv1.HistoryService_GetVersion_FullMethodName:                       ConfigRead,
		adminv1.HistoryService_DiffVersions_FullMethodName:                     ConfigRead,
		adminv1.HistoryService_RollBack_FullMethodName:                         ConfigWrite,
		adminv1.KeyService_GetKeys_FullMethodName:                              OperateRead,
		adminv1.KeyService_RotateKey_FullMethodName:                            KeyWrite,
		adminv1.KeyService_ReencryptSecrets_FullMethodName:                     KeyWrite,
		adminv1.KeyService_RetireKey_FullMethodName:                            KeyWrite,
		adminv1.OperateService_Doctor_FullMethodName:                           OperateRead,
		adminv1.OperateService_ListDeadLetters_FullMethodName:                  OperateRead,
		adminv1.OperateService_RetryDeadLetter_FullMethodName:                  LetterSettle,
		adminv1.OperateService_DropDeadLetter_FullMethodName:                   LetterSettle,
		adminv1.OperateService_GetLag_FullMethodName:                           OperateRead,
		adminv1.OperateService_ExportTranscript_FullMethodName:                 TranscriptRead,
		adminv1.ProvisionService_GetPageStatus_FullMethodName:                  OperateRead,
		adminv1.ProvisionService_ListPageStatuses_FullMethodName:               OperateRead,
		adminv1.ProvisionService_VerifyPage_FullMethodName:                     OperateRead,
		adminv1.ProvisionService_SubscribePage_FullMethodName:                  ConfigWrite,
		adminv1.ProvisionService_TestPage_FullMethodName:                       OperateRead,
		adminv1.ProvisionService_RepairPage_FullMethodName:                     ConfigWrite,
		adminv1.ProvisionService_GetRepair_FullMethodName:                      OperateRead,
		adminv1.ProvisionService_ListRepairs_FullMethodName:                    OperateRead,
		adminv1.ProvisionService_UnsubscribePage_FullMethodName:                ConfigWrite,
		adminv1.ProvisionService_SetPageToken_FullMethodName:                   ConfigWrite,
		adminv1.ProvisionService_FetchPageTokens_FullMethodName:                ConfigWrite,
		adminv1.ProvisionService_RevealVerifyToken_FullMethodName:              SecretReveal,
		adminv1.ProvisionService_GetCallback_FullMethodName:                    ConfigRead,
		adminv1.PrivacyService_ListPrivacyRequests_FullMethodName:              PrivacyRead,
		adminv1.PrivacyService_EraseFiles_FullMethodName:                       PrivacyErase,
		adminv1.RoutingService_ExplainConversation_FullMethodName:              TranscriptRead,
		adminv1.RoutingService_EvaluateRules_FullMethodName:                    ConfigRead,
		adminv1.RoutingService_ExplainAssignment_FullMethodName:                OperateRead,
		adminv1.SurveyService_ExportSurveys_FullMethodName:                     TranscriptRead,
		adminv1.VariableService_SetVariables_FullMethodName:                    VariableWrite,
		adminv1.QueueService_PauseQueue_FullMethodName:                         QueuePause,
		adminv1.ScheduleService_EvaluateSchedule_FullMethodName:                ConfigRead,
		crmv1.CrmService_ListEvents_FullMethodName:                             ContactRead,
		grpc_health_v1.Health_Check_FullMethodName:                             Nothing,
		grpc_health_v1.Health_Watch_FullMethodName:                             Nothing,
		grpc_health_v1.Health_List_FullMethodName:                              Nothing,
		reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName:      ConfigRead,
		reflectionv1alpha.ServerReflection_ServerReflectionInfo_FullMethodName: ConfigRead,
	}
	for name, permission := range map[string]Permission{"Search": ContactRead, "Get": ContactRead, "Export": ContactRead,
		"Create": ContactWrite, "Update": ContactWrite, "Delete": ContactWrite, "Merge": ContactWrite, "Unmerge": ContactWrite, "Import": ContactWrite, "Link": ContactWrite} {
		noun := "Contact"
		if name == "Search" || name == "Export" || name == "Import" || name == "Merge" {
			noun = "Contacts"
		}
		table["/"+contactv1.ContactService_ServiceDesc.ServiceName+"/"+name+noun] = permission
	}
	maps.Copy(table, erasing())
	for kind, many := range map[string]string{"ChannelAccount": "ChannelAccounts", "Page": "Pages", "Workstream": "Workstreams", "Queue": "Queues", "Agent": "Agents",
		"Schedule": "Schedules", "Skill": "Skills", "CapacityProfile": "CapacityProfiles", "Status": "Statuses", "AutomatedMessage": "AutomatedMessages", "Ruleset": "Rulesets", "CannedReply": "CannedReplies"} {
		prefix := "/" + adminv1.ConfigService_ServiceDesc.ServiceName + "/"
		table[prefix+"Get"+kind] = ConfigRead
		table[prefix+"List"+many] = ConfigRead
		for _, verb := range []string{"Create", "Update", "Delete"} {
			table[prefix+verb+kind] = ConfigWrite
		}
	}
	return table
}

// erasing are the methods by which persons are erased, or kept from it.
func erasing() map[string]Permission {
	return map[string]Permission{
		adminv1.PrivacyService_Erase_FullMethodName:          PrivacyErase,
		adminv1.PrivacyService_StopErasure_FullMethodName:    PrivacyErase,
		adminv1.PrivacyService_SetHold_FullMethodName:        PrivacyErase,
		adminv1.PrivacyService_ReleaseHold_FullMethodName:    PrivacyErase,
		adminv1.PrivacyService_ListErasures_FullMethodName:   PrivacyRead,
		adminv1.PrivacyService_GetCertificate_FullMethodName: PrivacyRead,
		adminv1.PrivacyService_ListHolds_FullMethodName:      PrivacyRead,
	}
}

// Grants say which roles the owner of a certificate has, by the name in it.
type Grants map[string][]string

// ParseGrants reads "name=role" lines, such as
// "spiffe://house/ci=operator".
func ParseGrants(lines []string) (Grants, error) {
	grants := Grants{}
	for _, line := range lines {
		at := strings.LastIndex(line, "=")
		if at <= 0 {
			return nil, fmt.Errorf("grant %q: write it as NAME=ROLE, NAME being a URI, DNS name or mail address in the client's certificate", line)
		}
		name, role := line[:at], line[at+1:]
		if _, ok := Roles()[role]; !ok {
			return nil, fmt.Errorf("grant %q: %q is not a role of the admin API; use admin, operator, auditor or crm", line, role)
		}
		grants[name] = append(grants[name], role)
	}
	return grants, nil
}

// allow tells whether one of the roles gives p.
func allow(roles []string, p Permission) bool {
	if p == Nothing {
		return true
	}
	return slices.ContainsFunc(roles, func(role string) bool { return slices.Contains(Roles()[role], p) })
}
