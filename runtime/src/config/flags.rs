//! The command line's share: one flag per setting, made from the declaration.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::Place;
use super::file::Given;
use super::routes::ROUTES;
use super::settings::{SETTINGS, Shape};

/// The settings given as flags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingFlags {
    /// `--config FILE`.
    pub config: Option<PathBuf>,
    pub(super) given: Vec<Given>,
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.config = matches.get_one::<PathBuf>("config").cloned();
        for setting in SETTINGS.iter().chain([&ROUTES]) {
            if matches.value_source(setting.key) != Some(ValueSource::CommandLine) {
                continue;
            }
            let values = match setting.shape {
                Shape::Switch => vec![matches.get_flag(setting.key).to_string()],
                Shape::Single | Shape::List => {
                    matches.get_many::<String>(setting.key).unwrap_or_default().cloned().collect()
                }
            };
            self.given.push(Given { key: setting.key, values, place: Place::Flag(format!("--{}", setting.key)) });
        }
        Ok(())
    }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Configuration file; rolecall.toml is read when it exists");
        command.arg(config).args(SETTINGS.iter().chain([&ROUTES]).map(|setting| {
            let default = setting.default.filter(|_| setting.shape != Shape::Switch);
            let hint = default.map_or_else(String::new, |default| format!(" [default: {default}]"));
            let help = format!("{}{hint} [env: {}]", setting.help, setting.environment());
            let arg = Arg::new(setting.key).long(setting.key).help(help);
            match setting.shape {
                Shape::Switch => arg.action(ArgAction::SetTrue),
                Shape::Single => arg.value_name(setting.value_name).action(ArgAction::Set),
                Shape::List => arg.value_name(setting.value_name).action(ArgAction::Append).value_delimiter(','),
            }
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
