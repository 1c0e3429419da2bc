//! A credential that became void never acts, whatever was found out when its request began.

use logjar_domain::access::Abilities;
use logjar_domain::command::Command;
use logjar_domain::event::Policy;
use logjar_domain::ids::TokenId;
use logjar_domain::rules::GroupCreation;

use crate::registry::{
    Registry, Wish, correct, create, deploy, grant, keep, late_files, register, repository, revoke, tag,
};

/// Each way in which a credential becomes void, by each command that it could make before.
#[test]
fn a_void_credential_never_acts() {
    let everything = Abilities { read: true, deploy: true, manage: true };
    let able = Wish { can: Some(everything), ..Wish::default() };
    for (way, wish, expected) in [
        ("good", able.clone(), "yes"),
        ("token disabled", able.clone(), "invalid-token"),
        ("user disabled", able.clone(), "invalid-token"),
        ("expired", Wish { expires: Some(15), ..able.clone() }, "expired-token"),
        ("used up", Wish { single_use: true, ..able }, "token-single-use-used"),
    ] {
        let mut registry = Registry::new(GroupCreation::Admin);
        let amy = {
            registry.local(&register("amy", true));
            registry.token("amy", wish)
        };
        let boss = registry.user("boss", true);
        registry.user("ben", false);
        registry.user("off", false);
        registry.local(&Command::DisableUser { name: "off".to_owned() });
        registry.local(&create("org.amy", "amy"));
        registry.local(&grant("org.amy", "ben", Some("lib"), Abilities::READ_AND_DEPLOY, false));
        registry.deploy(&amy, "org.amy:lib:1.0").unwrap();
        let own = registry.state.tokens[amy.token().unwrap()].used_by.clone();
        match way {
            "token disabled" => {
                registry.local(&Command::DisableToken { token: amy.token().unwrap().clone() })
            }
            "user disabled" => registry.local(&Command::DisableUser { name: "amy".to_owned() }),
            _ => {}
        }
        // The log has gone on beyond the token's end.
        while registry.log.len() < 16 {
            registry
                .local(&Command::ChangePassword { name: "ben".to_owned(), password_hash: "x".to_owned() });
        }
        for command in every_command(boss.token().unwrap()) {
            let mut copy =
                Registry { state: registry.state.clone(), log: registry.log.clone(), ..Registry::default() };
            assert_eq!(tag(copy.run(&command, &amy)), expected, "{way}: {command:?}");
        }
        // Late files of the deploy that used it up.
        let late = late_files("repo", "org.amy:lib:1.0", own.as_ref().map_or("d_other", |own| own.as_str()));
        let expected = if way == "used up" { "yes" } else { expected };
        assert_eq!(tag(registry.run(&late, &amy)), expected, "{way}");
    }
}

/// One command of each kind that makes an event when an administrator who has `org.amy` gives it.
fn every_command(token: &TokenId) -> Vec<Command> {
    let name = "ben".to_owned();
    vec![
        register("dan", false),
        Command::ChangePassword { name: name.clone(), password_hash: "y".to_owned() },
        Command::DisableUser { name: name.clone() },
        Wish::default().command("amy", [99; 32]),
        Command::DisableToken { token: token.clone() },
        create("org.new", "ben"),
        Command::ChangeAdmin { name: name.clone(), admin: true },
        Command::EnableUser { name: "off".to_owned() },
        grant("org.amy", "boss", None, Abilities::READ_AND_DEPLOY, true),
        revoke("org.amy", "ben", Some("lib")),
        repository("new", Policy::Mixed),
        keep("repo", 1, 0),
        deploy("repo", "org.amy:lib:2.0", None, "d_another"),
        late_files("repo", "org.amy:lib:1.0", "d_another"),
        correct("repo", "org.amy:lib:1.0"),
    ]
}
